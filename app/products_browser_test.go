package app_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

func TestBrowser_AVisitorBrowsesSignsInAndReviews(t *testing.T) {
	everyScreen(t, func(t *testing.T, l screen) {
		s := start(t)
		lamps, chairs := s.category("Lamps"), s.category("Chairs")
		s.products(lamps, 30)
		s.exec("INSERT INTO products (name, price_cents, category_id) VALUES ('Stool', 4999, $1)", chairs)
		user := s.user("max", services.Member)

		w := s.window(l)
		w.open("/")
		w.reads("All products", "Stool", "€49.99")
		w.checked()
		w.follow("Lamps")
		w.isAt(fmt.Sprintf("/?category=%d", lamps), 200)
		w.readsNot("Stool")
		w.follow("Older")
		w.reads("Lamp 1 ", "€1.00", "Newest")
		w.readsNot("Older")
		w.checked()
		w.follow("Newest")
		w.follow("Lamp 30")
		product := w.path()
		w.reads("Lamp 30", "€30.00", "Sold out", "Bright.", "Nobody has written one yet.", "Sign in to write one.")
		w.checked()

		w.leads(chromedp.Click(chromedp.CSS(`main section a[href^="/login"]`)))
		w.checked()
		w.fill("email", user.Email)
		w.fill("password", "wrong")
		w.leads(chromedp.Click(chromedp.CSS(`main button`)))
		w.isAt("/login", 401)
		w.reads("The e-mail address or the password is wrong.")
		devtest.Eventually(t, "the reader goes on at what is wrong", func() bool {
			return eval[string](w, `document.activeElement.role`) == "alert"
		})
		w.checked()
		w.signIn(user.Email)
		w.isAt(product, 200)
		w.reads("max", "Sign out", "Your review")
		w.checked()

		w.run(`document.querySelector("section form").noValidate = true`)
		w.follow("Send")
		w.isAt(product+"/reviews", 422)
		w.goesOnAt("rating")
		w.open(w.path()) // as who presses Enter in the address bar
		w.isAt(product, 200)
		w.choose("rating", "4")
		w.fill("body", "   ") // which the browser takes for a text
		w.follow("Send")
		w.isAt(product+"/reviews", 422)
		w.reads("The input is not valid.", "Must not be empty.")
		if !eval[bool](w, `document.querySelector("[name=rating][value='4']").checked`) {
			t.Error("the rating that was chosen is forgotten")
		}
		w.goesOnAt("body")
		w.checked()
		w.fill("body", "Lights the whole <b>desk</b>.")
		w.follow("Send")
		w.seesNotice(product, "review", "Thank you for your review.")
		w.reads("4.0 of 5 from 1 review", "Lights the whole <b>desk</b>.", "You have reviewed this product.")
		w.checked()
		w.follow("Sign out")
		w.isAt("/", 200)
		w.reads("Sign in")
		w.open(product)
		w.reads("Lights the whole", "Sign in to write one.")
		w.readsNot("Sign out")
	})
}

func TestBrowser_AnAdminEditsAProductAndItsStock(t *testing.T) {
	everyScreen(t, func(t *testing.T, l screen) {
		s := start(t)
		s.category("Chairs")
		product := s.productPage()
		admin := s.user("ada", services.Admin)

		w := s.window(l)
		w.open(product + "/edit")
		w.isAt("/login?next="+strings.ReplaceAll(product+"/edit", "/", "%2F"), 200)
		w.signIn(admin.Email)
		w.isAt(product+"/edit", 200)
		w.checked()
		w.fill("name", "Desk Lamp")
		w.fill("price", "12,50")
		w.follow("Save")
		w.isAt(product+"/edit", 422)
		w.reads("Must be an amount such as 12.50.")
		w.checked()
		w.fill("price", "12.50")
		w.do(chromedp.SetValue(chromedp.CSS(`[name=categoryId]`), "1"))
		w.fill("description", "One line.\nAnd another.")
		w.follow("Save")
		w.seesNotice(product, "product", "The product is saved.")
		w.reads("Desk Lamp", "€12.50", "Chairs", "One line. And another.")
		w.checked()

		w.follow("Edit")
		w.fill("quantity", "many")
		w.follow("Save the stock")
		w.isAt(product+"/stock", 422)
		w.reads("Must be a whole number.")
		w.checked()
		w.fill("quantity", "12")
		w.follow("Save the stock")
		w.seesNotice(product, "stock", "The stock is saved.")
		w.reads("12 in stock")

		w.follow("Edit")
		s.exec("UPDATE products SET name = 'Lamp of another', row_version = row_version + 1")
		w.fill("name", "Lamp of mine")
		w.follow("Save")
		w.isAt(product+"/edit", 412)
		w.reads("The product has changed since you read it.", "Name Lamp of another")
		w.checked()
		w.follow("Save")
		w.reads("The product is saved.", "Lamp of mine")
	})
}

// What somebody has planted must not become an element, wherever it is shown.
func TestBrowser_MarkupOfOthersIsText(t *testing.T) {
	t.Parallel()
	s := start(t)
	const planted = `"'></textarea></title></option></script><x-planted onclick=x><script>planted = 1</script>`
	s.exec("INSERT INTO categories (name) VALUES ($1)", "c"+planted)
	s.exec("INSERT INTO products (name, description, price_cents, category_id) VALUES ($1, $2, 1, 1)", "n"+planted, "d"+planted)
	admin := s.user("max", services.Admin)
	s.exec("UPDATE users SET name = $1", "u"+planted)

	w := s.window(desktop)
	clean := func() {
		t.Helper()
		if n := eval[int](w, `document.querySelectorAll("x-planted, [onclick], script:not([src])").length + (window.planted || 0)`); n > 0 {
			t.Errorf("%s: what was planted has come up %d times", w.path(), n)
		}
	}
	w.open("/login")
	w.signIn(admin.Email)
	clean()
	w.reads("n"+planted, "c"+planted, "u"+planted)
	w.open("/products/1")
	w.choose("rating", "1")
	w.fill("body", "b"+planted)
	w.follow("Send")
	clean()
	w.reads("n"+planted, "c"+planted, "d"+planted, "u"+planted, "b"+planted)
	w.follow("Edit")
	clean()
	w.fill("name", planted)
	w.fill("price", planted)
	w.fill("description", planted)
	w.follow("Save")
	w.isAt("/products/1/edit", 422)
	clean()
	w.fill("quantity", planted)
	w.follow("Save the stock")
	w.isAt("/products/1/stock", 422)
	clean()
	w.open("/nowhere/%3Cx-planted%3E?" + planted)
	clean()
}

// A text area drops a line break that it begins with.
func TestBrowser_SavingWhatIsThereChangesNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	product, admin := s.productPage(), s.user("ada", services.Admin)
	const text = "\n\n  One.\n\nTwo.\n"
	s.exec("UPDATE products SET description = $1", text)
	w := s.window(desktop)
	w.open("/login?next=" + product + "/edit")
	w.signIn(admin.Email)
	w.follow("Save")
	w.seesNotice(product, "product", "The product is saved.")
	if got := decode[services.Product](s.visitor().get("/api/v1" + product)); got.Description != text {
		t.Errorf("it is %q now, want %q", got.Description, text)
	}
}

func TestBrowser_TheKeyboardIsEnough(t *testing.T) {
	t.Parallel()
	s := shared(t)
	product, user := s.productPage(), s.user("max", services.Member)
	w := s.window(desktop)
	press := func(keys ...string) {
		t.Helper()
		for _, key := range keys {
			w.do(chromedp.KeyEvent(key))
		}
	}
	focused := func() string {
		return eval[string](w, `document.activeElement.textContent.trim() || document.activeElement.name`)
	}
	w.open(product)
	press(kb.Tab)
	if got := focused(); got != "Skip to content" {
		t.Fatalf("the first stop is %q", got)
	}
	press(kb.Enter)
	if got := eval[string](w, `document.activeElement.id`); got != "main" {
		t.Errorf("the way past the header leads to %q", got)
	}
	for stops := 0; focused() != "Sign in"; stops++ {
		if stops > 10 {
			t.Fatal("there is no way to sign in")
		}
		press(kb.Tab)
	}
	w.leads(chromedp.KeyEvent(kb.Enter))
	w.do(chromedp.Focus(chromedp.CSS(`[name=email]`)))
	press(user.Email, kb.Tab, password)
	w.leads(chromedp.KeyEvent(kb.Enter))
	w.isAt(product, 200)
	w.do(chromedp.Focus(chromedp.CSS(`[name=rating]`)))
	press(kb.ArrowDown, kb.Tab, "Good.", kb.Tab)
	if got := focused(); got != "Send" {
		t.Errorf("after the text comes %q", got)
	}
	w.leads(chromedp.KeyEvent(kb.Enter))
	w.reads("Thank you for your review.", "4.0 of 5")
}

// Without https a browser sends no Fetch metadata, so Origin alone tells where a form
// comes from.
func TestBrowser_FormsWorkOverPlainHTTP(t *testing.T) {
	t.Parallel()
	s := shared(t)
	product, user := s.productPage(), s.user("max", services.Member)
	w := s.window(desktop)
	w.base = strings.Replace(s.url, "127.0.0.1", plainHost, 1)
	w.open("/login?next=" + product)
	w.signIn(user.Email)
	w.isAt(product, 200)
	w.follow("Sign out")
	w.isAt("/", 200)
}

func TestBrowser_TimesAreTheReaders(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := s.productPage()
	user := s.user("max", services.Member)
	s.exec("INSERT INTO reviews (product_id, user_id, rating, body, created_at) VALUES (1, $1, 5, 'x', '2026-01-01 00:30Z')", user.ID)
	for scripts, want := range map[bool]string{true: "December 31, 2025", false: "1 January 2026"} {
		l := desktop
		l.scripts = scripts
		w := s.window(l)
		call(w, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "America/New_York"})
		w.open(path)
		w.reads(want)
	}
}
