package app_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/devservices/devtest/browser"
	"example.com/prefab/services"
)

func TestBrowser_AVisitorBrowsesSignsInAndReviews(t *testing.T) {
	browser.EveryScreen(t, func(t *testing.T, l browser.Screen) {
		s := start(t)
		lamps, chairs := s.category("Lamps"), s.category("Chairs")
		s.products(lamps, 30)
		s.exec("INSERT INTO products (name, price_cents, category_id) VALUES ('Stool', 4999, $1)", chairs)
		user := s.user("max", services.Member)

		w := s.window(l)
		w.Open("/")
		w.Reads("All products", "Stool", "€49.99")
		w.Checked()
		w.Follow("Lamps")
		w.IsAt(fmt.Sprintf("/?category=%d", lamps), 200)
		w.ReadsNot("Stool")
		w.Follow("Older")
		w.Reads("Lamp 1 ", "€1.00", "Newer")
		w.ReadsNot("Older")
		w.Checked()
		w.Follow("Newer")
		w.IsAt(fmt.Sprintf("/?category=%d", lamps), 200)
		w.Fill("q", "lamp 1")
		w.Follow("Search")
		w.IsAt(fmt.Sprintf("/?category=%d&q=lamp+1", lamps), 200)
		w.Reads("Lamps: “lamp 1”", "11 products", "Lamp 19", "Lamp 1 ")
		w.ReadsNot("Lamp 20")
		w.Checked()
		w.Fill("q", "stool")
		w.Follow("Search")
		w.Reads("No product has that name.")
		w.Checked()
		w.Follow("Search in all categories")
		w.IsAt("/?q=stool", 200)
		w.Reads("1 product", "Stool")
		w.Follow("Lamps")
		w.IsAt(fmt.Sprintf("/?category=%d&q=stool", lamps), 200)
		w.Fill("q", "")
		w.Follow("Search")
		w.Follow("Lamp 30")
		product := w.Path()
		w.Reads("Lamp 30", "€30.00", "Sold out", "Bright.", "Nobody has written one yet.", "Sign in to write one.")
		w.Checked()

		w.Leads(chromedp.Click(chromedp.CSS(`main section a[href^="/login"]`)))
		w.Checked()
		w.Fill("email", user.Email)
		w.Fill("password", "wrong")
		w.Leads(chromedp.Click(chromedp.CSS(`main button`)))
		w.IsAt("/login", 401)
		w.Reads("The e-mail address or the password is wrong.")
		devtest.Eventually(t, "the reader goes on at what is wrong", func() bool {
			return browser.Eval[string](w, `document.activeElement.role`) == "alert"
		})
		w.Checked()
		signIn(w, user.Email)
		w.IsAt(product, 200)
		w.Reads("max", "Sign out", "Your review")
		w.Checked()

		w.Run(`document.querySelector("section form").noValidate = true`)
		w.Follow("Send")
		w.IsAt(product+"/reviews", 422)
		w.GoesOnAt("rating")
		w.Open(w.Path()) // as who presses Enter in the address bar
		w.IsAt(product, 200)
		w.Choose("rating", "4")
		w.Fill("body", "   ") // which the browser takes for a text
		w.Follow("Send")
		w.IsAt(product+"/reviews", 422)
		w.Reads("The input is not valid.", "Must not be empty.")
		if !browser.Eval[bool](w, `document.querySelector("[name=rating][value='4']").checked`) {
			t.Error("the rating that was chosen is forgotten")
		}
		w.GoesOnAt("body")
		w.Checked()
		w.Fill("body", "Lights the whole <b>desk</b>.")
		w.Follow("Send")
		w.SeesNotice(product, "review", "Thank you for your review.")
		w.Reads("4.0 of 5 from 1 review", "Lights the whole <b>desk</b>.", "You have reviewed this product.")
		w.Checked()
		w.Follow("Sign out")
		w.IsAt("/", 200)
		w.Reads("Sign in")
		w.Open(product)
		w.Reads("Lights the whole", "Sign in to write one.")
		w.ReadsNot("Sign out")
	})
}

func TestBrowser_AnAdminEditsAProductAndItsStock(t *testing.T) {
	browser.EveryScreen(t, func(t *testing.T, l browser.Screen) {
		s := start(t)
		s.category("Chairs")
		product := s.productPage()
		admin := s.user("ada", services.Admin)

		w := s.window(l)
		w.Open(product + "/edit")
		w.IsAt("/login?next="+strings.ReplaceAll(product+"/edit", "/", "%2F"), 200)
		signIn(w, admin.Email)
		w.IsAt(product+"/edit", 200)
		w.Checked()
		w.Fill("name", "Desk Lamp")
		w.Fill("price", "12,50")
		w.Follow("Save")
		w.IsAt(product+"/edit", 422)
		w.Reads("Must be an amount such as 12.50.")
		w.Checked()
		w.Fill("price", "12.50")
		w.Do(chromedp.SetValue(chromedp.CSS(`[name=categoryId]`), "1"))
		w.Fill("description", "One line.\nAnd another.")
		w.Follow("Save")
		w.SeesNotice(product, "product", "The product is saved.")
		w.Reads("Desk Lamp", "€12.50", "Chairs", "One line. And another.")
		w.Checked()

		w.Follow("Edit")
		w.Fill("quantity", "many")
		w.Follow("Save the stock")
		w.IsAt(product+"/stock", 422)
		w.Reads("Must be a whole number.")
		w.Checked()
		w.Fill("quantity", "12")
		w.Follow("Save the stock")
		w.SeesNotice(product, "stock", "The stock is saved.")
		w.Reads("12 in stock")

		w.Follow("Edit")
		s.exec("UPDATE products SET name = 'Lamp of another', row_version = row_version + 1")
		w.Fill("name", "Lamp of mine")
		w.Follow("Save")
		w.IsAt(product+"/edit", 412)
		w.Reads("The product has changed since you read it.", "Name Lamp of another")
		w.Checked()
		w.Follow("Save")
		w.Reads("The product is saved.", "Lamp of mine")
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

	w := s.window(browser.Desktop)
	clean := func() {
		t.Helper()
		if n := browser.Eval[int](w, `document.querySelectorAll("x-planted, [onclick], script:not([src])").length + (window.planted || 0)`); n > 0 {
			t.Errorf("%s: what was planted has come up %d times", w.Path(), n)
		}
	}
	w.Open("/login")
	signIn(w, admin.Email)
	clean()
	w.Reads("n"+planted, "c"+planted, "u"+planted)
	w.Open("/?q=" + url.QueryEscape(planted))
	clean()
	w.Reads("“"+planted+"”", "1 product")
	w.Open("/products/1")
	w.Choose("rating", "1")
	w.Fill("body", "b"+planted)
	w.Follow("Send")
	clean()
	w.Reads("n"+planted, "c"+planted, "d"+planted, "u"+planted, "b"+planted)
	w.Follow("Edit")
	clean()
	w.Fill("name", planted)
	w.Fill("price", planted)
	w.Fill("description", planted)
	w.Follow("Save")
	w.IsAt("/products/1/edit", 422)
	clean()
	w.Fill("quantity", planted)
	w.Follow("Save the stock")
	w.IsAt("/products/1/stock", 422)
	clean()
	w.Open("/nowhere/%3Cx-planted%3E?" + planted)
	clean()
}

// A text area drops a line break that it begins with.
func TestBrowser_SavingWhatIsThereChangesNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	product, admin := s.productPage(), s.user("ada", services.Admin)
	const text = "\n\n  One.\n\nTwo.\n"
	s.exec("UPDATE products SET description = $1", text)
	w := s.window(browser.Desktop)
	w.Open("/login?next=" + product + "/edit")
	signIn(w, admin.Email)
	w.Follow("Save")
	w.SeesNotice(product, "product", "The product is saved.")
	if got := decode[services.Product](s.visitor().get("/api/v1" + product)); got.Description != text {
		t.Errorf("it is %q now, want %q", got.Description, text)
	}
}

func TestBrowser_TheKeyboardIsEnough(t *testing.T) {
	t.Parallel()
	s := shared(t)
	product, user := s.productPage(), s.user("max", services.Member)
	w := s.window(browser.Desktop)
	press := func(keys ...string) {
		t.Helper()
		for _, key := range keys {
			w.Do(chromedp.KeyEvent(key))
		}
	}
	focused := func() string {
		return browser.Eval[string](w, `document.activeElement.textContent.trim() || document.activeElement.name`)
	}
	w.Open("/")
	w.Do(chromedp.Focus(chromedp.CSS(`[name=q]`)))
	press("lamp")
	w.Leads(chromedp.KeyEvent(kb.Enter))
	w.IsAt("/?q=lamp", 200)
	w.Open(product)
	press(kb.Tab)
	if got := focused(); got != "Skip to content" {
		t.Fatalf("the first stop is %q", got)
	}
	press(kb.Enter)
	if got := browser.Eval[string](w, `document.activeElement.id`); got != "main" {
		t.Errorf("the way past the header leads to %q", got)
	}
	for stops := 0; focused() != "Sign in"; stops++ {
		if stops > 10 {
			t.Fatal("there is no way to sign in")
		}
		press(kb.Tab)
	}
	w.Leads(chromedp.KeyEvent(kb.Enter))
	w.Do(chromedp.Focus(chromedp.CSS(`[name=email]`)))
	press(user.Email, kb.Tab, password)
	w.Leads(chromedp.KeyEvent(kb.Enter))
	w.IsAt(product, 200)
	w.Do(chromedp.Focus(chromedp.CSS(`[name=rating]`)))
	press(kb.ArrowDown, kb.Tab, "Good.", kb.Tab)
	if got := focused(); got != "Send" {
		t.Errorf("after the text comes %q", got)
	}
	w.Leads(chromedp.KeyEvent(kb.Enter))
	w.Reads("Thank you for your review.", "4.0 of 5")
}

// Without https a browser sends no Fetch metadata, so Origin alone tells where a form
// comes from.
func TestBrowser_FormsWorkOverPlainHTTP(t *testing.T) {
	t.Parallel()
	s := shared(t)
	product, user := s.productPage(), s.user("max", services.Member)
	w := s.window(browser.Desktop)
	w.Base = strings.Replace(s.url, "127.0.0.1", browser.PlainHost, 1)
	w.Open("/login?next=" + product)
	signIn(w, user.Email)
	w.IsAt(product, 200)
	w.Follow("Sign out")
	w.IsAt("/", 200)
}

func TestBrowser_TimesAreTheReaders(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := s.productPage()
	user := s.user("max", services.Member)
	s.exec("INSERT INTO reviews (product_id, user_id, rating, body, created_at) VALUES (1, $1, 5, 'x', '2026-01-01 00:30Z')", user.ID)
	for scripts, want := range map[bool]string{true: "December 31, 2025", false: "1 January 2026"} {
		l := browser.Desktop
		l.Scripts = scripts
		w := s.window(l)
		browser.Call(w, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "America/New_York"})
		w.Open(path)
		w.Reads(want)
	}
}
