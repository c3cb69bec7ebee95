package app_test

import (
	"net/http"
	"strconv"
)

func init() {
	moreContractCases = append(moreContractCases, productsContract)
	without500["reloadReview"], without500["reloadStock"] = "leads elsewhere", "leads elsewhere"
}

func productsContract(s *service, by people) []contractCase {
	visitor, member, admin := by.visitor, by.member, by.admin
	lamps := s.category("Lamps")
	s.products(lamps, 3)
	const (
		one    = productsPath + "/1"
		absent = productsPath + "/999999"
		bad    = productsPath + "/0"
		stale  = `"999-0"`
	)
	newProduct := `{"name":"Lamp","priceCents":1,"categoryId":` + strconv.FormatInt(lamps, 10) + `}`
	etag := visitor.get(one).want(http.StatusOK).header.Get("ETag")
	return []contractCase{
		{200, visitor, "GET", productsPath, "", nil},
		{200, visitor, "GET", productsPath + "?q=lamp", "", nil},
		{200, visitor, "GET", productsPath + "?ids=3,1", "", nil},
		{422, visitor, "GET", productsPath + "?limit=0", "", nil},
		{201, admin, "POST", productsPath, newProduct, nil},
		{200, visitor, "GET", productsPath + "/count", "", nil},
		{200, admin, "GET", productsPath + "/export", "", nil},
		{200, admin, "GET", productsPath + "/export?format=ndjson", "", nil},
		{200, admin, "GET", productsPath + "/export?format=csv", "", nil},
		{422, admin, "GET", productsPath + "/export?format=xml", "", nil},
		{200, visitor, "GET", one, "", nil},
		{304, visitor, "GET", one, "", []string{"If-None-Match", etag}},
		{404, visitor, "GET", absent, "", nil},
		{422, visitor, "GET", bad, "", nil},
		{200, admin, "PATCH", one, `{"name":"New"}`, nil},
		{404, admin, "PATCH", absent, `{}`, nil},
		{412, admin, "PATCH", one, `{}`, []string{"If-Match", stale}},
		{202, admin, "PUT", one + "/stock", `{"quantity":1}`, nil},
		{404, admin, "PUT", absent + "/stock", `{"quantity":1}`, nil},
		{201, member, "POST", one + "/reviews", `{"rating":5,"body":"Good."}`, nil},
		{409, member, "POST", one + "/reviews", `{"rating":5,"body":"Good."}`, nil},
		{404, member, "POST", absent + "/reviews", `{"rating":5,"body":"Good."}`, nil},
		{200, visitor, "GET", "/", "", nil},
		{422, visitor, "GET", "/?category=x", "", asBrowser},
		{200, visitor, "GET", "/products/1", "", nil},
		{404, visitor, "GET", "/products/999999", "", asBrowser},
		{422, visitor, "GET", "/products/0", "", asBrowser},
		{303, visitor, "GET", "/products/1/reviews", "", nil},
		{422, visitor, "GET", "/products/0/reviews", "", nil},
		{303, visitor, "GET", "/products/1/stock", "", nil},
		{422, visitor, "GET", "/products/0/stock", "", nil},
		{404, member, "POST", "/products/999999/reviews", "rating=5&body=Good.", asForm},
		{422, member, "POST", "/products/1/reviews", "rating=6", asForm},
		{303, admin, "POST", "/products/1/reviews", "rating=5&body=Good.", asForm},
		{409, admin, "POST", "/products/1/reviews", "rating=5&body=Good.", asForm},
		{200, admin, "GET", "/products/1/edit", "", asBrowser},
		{404, admin, "GET", "/products/999999/edit", "", nil},
		{422, admin, "GET", "/products/0/edit", "", nil},
		{303, admin, "POST", "/products/2/edit", "version=1&name=Lamp&price=1.5&categoryId=1", asForm},
		{412, admin, "POST", "/products/2/edit", "version=1&name=Lamp&price=1.5&categoryId=1", asForm},
		{400, admin, "POST", "/products/2/edit", "version=x", asForm},
		{404, admin, "POST", "/products/999999/edit", "version=1&name=Lamp&price=1.5&categoryId=1", asForm},
		{422, admin, "POST", "/products/2/edit", "version=2&name=", asForm},
		{303, admin, "POST", "/products/2/stock", "quantity=5", asForm},
		{404, admin, "POST", "/products/999999/stock", "quantity=5", asForm},
		{422, admin, "POST", "/products/2/stock", "quantity=-1", asForm},
		{404, admin, "DELETE", absent, "", nil},
		{412, admin, "DELETE", one, "", []string{"If-Match", stale}},
		{422, admin, "DELETE", bad, "", nil},
		{204, admin, "DELETE", one, "", nil},
	}
}
