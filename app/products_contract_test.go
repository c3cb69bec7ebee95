package app_test

import (
	"net/http"
	"strconv"
)

func init() { moreContractCases = append(moreContractCases, productsContract) }

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
		{200, visitor, "GET", productsPath + "?ids=3,1", "", nil},
		{304, visitor, "GET", productsPath, "", []string{"If-None-Match", "*"}},
		{422, visitor, "GET", productsPath + "?limit=0", "", nil},
		{201, admin, "POST", productsPath, newProduct, nil},
		{400, admin, "POST", productsPath, "{", nil},
		{401, visitor, "POST", productsPath, newProduct, nil},
		{403, member, "POST", productsPath, newProduct, nil},
		{413, admin, "POST", productsPath, tooLarge(), nil},
		{415, admin, "POST", productsPath, newProduct, []string{"Content-Type", "text/plain"}},
		{422, admin, "POST", productsPath, unknownField, nil},
		{200, visitor, "GET", productsPath + "/count", "", nil},
		{304, visitor, "GET", productsPath + "/count", "", []string{"If-None-Match", "*"}},
		{422, visitor, "GET", productsPath + "/count?unknown=1", "", nil},
		{200, admin, "GET", productsPath + "/export", "", nil},
		{200, admin, "GET", productsPath + "/export?format=ndjson", "", nil},
		{200, admin, "GET", productsPath + "/export?format=csv", "", nil},
		{401, visitor, "GET", productsPath + "/export", "", nil},
		{403, member, "GET", productsPath + "/export", "", nil},
		{422, admin, "GET", productsPath + "/export?format=xml", "", nil},
		{200, visitor, "GET", one, "", nil},
		{304, visitor, "GET", one, "", []string{"If-None-Match", etag}},
		{404, visitor, "GET", absent, "", nil},
		{422, visitor, "GET", bad, "", nil},
		{200, admin, "PATCH", one, `{"name":"New"}`, nil},
		{400, admin, "PATCH", one, "{", nil},
		{401, visitor, "PATCH", one, `{}`, nil},
		{403, member, "PATCH", one, `{}`, nil},
		{404, admin, "PATCH", absent, `{}`, nil},
		{412, admin, "PATCH", one, `{}`, []string{"If-Match", stale}},
		{413, admin, "PATCH", one, tooLarge(), nil},
		{415, admin, "PATCH", one, `{}`, []string{"Content-Type", "text/plain"}},
		{422, admin, "PATCH", one, unknownField, nil},
		{202, admin, "PUT", one + "/stock", `{"quantity":1}`, nil},
		{400, admin, "PUT", one + "/stock", "{", nil},
		{401, visitor, "PUT", one + "/stock", `{"quantity":1}`, nil},
		{403, member, "PUT", one + "/stock", `{"quantity":1}`, nil},
		{404, admin, "PUT", absent + "/stock", `{"quantity":1}`, nil},
		{413, admin, "PUT", one + "/stock", tooLarge(), nil},
		{415, admin, "PUT", one + "/stock", `{"quantity":1}`, []string{"Content-Type", "text/plain"}},
		{422, admin, "PUT", one + "/stock", unknownField, nil},
		{201, member, "POST", one + "/reviews", `{"rating":5,"body":"Good."}`, nil},
		{409, member, "POST", one + "/reviews", `{"rating":5,"body":"Good."}`, nil},
		{400, member, "POST", one + "/reviews", "{", nil},
		{401, visitor, "POST", one + "/reviews", `{}`, nil},
		{403, member, "POST", one + "/reviews", `{}`, []string{"Sec-Fetch-Site", "cross-site"}},
		{404, member, "POST", absent + "/reviews", `{"rating":5,"body":"Good."}`, nil},
		{413, member, "POST", one + "/reviews", tooLarge(), nil},
		{415, member, "POST", one + "/reviews", `{}`, []string{"Content-Type", "text/plain"}},
		{422, member, "POST", one + "/reviews", unknownField, nil},
		{200, visitor, "GET", "/", "", nil},
		{304, visitor, "GET", "/", "", []string{"If-None-Match", "*"}},
		{422, visitor, "GET", "/?category=x", "", asBrowser},
		{200, visitor, "GET", "/products/1", "", nil},
		{304, visitor, "GET", "/products/1", "", []string{"If-None-Match", "*"}},
		{404, visitor, "GET", "/products/999999", "", asBrowser},
		{422, visitor, "GET", "/products/0", "", asBrowser},
		{303, visitor, "GET", "/products/1/reviews", "", nil},
		{422, visitor, "GET", "/products/0/reviews", "", nil},
		{303, visitor, "GET", "/products/1/stock", "", nil},
		{422, visitor, "GET", "/products/0/stock", "", nil},
		{401, visitor, "POST", "/products/1/reviews", "rating=5&body=Good.", asForm},
		{403, member, "POST", "/products/1/reviews", "", []string{"Sec-Fetch-Site", "cross-site"}},
		{415, member, "POST", "/products/1/reviews", `{"rating":5,"body":"Good."}`, nil},
		{400, member, "POST", "/products/1/reviews", "%", asForm},
		{413, member, "POST", "/products/1/reviews", tooLarge(), asForm},
		{404, member, "POST", "/products/999999/reviews", "rating=5&body=Good.", asForm},
		{422, member, "POST", "/products/1/reviews", "rating=6", asForm},
		{303, admin, "POST", "/products/1/reviews", "rating=5&body=Good.", asForm},
		{409, admin, "POST", "/products/1/reviews", "rating=5&body=Good.", asForm},
		{200, admin, "GET", "/products/1/edit", "", asBrowser},
		{303, visitor, "GET", "/products/1/edit", "", asBrowser},
		{401, visitor, "GET", "/products/1/edit", "", nil},
		{403, member, "GET", "/products/1/edit", "", nil},
		{404, admin, "GET", "/products/999999/edit", "", nil},
		{422, admin, "GET", "/products/0/edit", "", nil},
		{303, admin, "POST", "/products/2/edit", "version=1&name=Lamp&price=1.5&categoryId=1", asForm},
		{412, admin, "POST", "/products/2/edit", "version=1&name=Lamp&price=1.5&categoryId=1", asForm},
		{400, admin, "POST", "/products/2/edit", "version=x", asForm},
		{401, visitor, "POST", "/products/2/edit", "", asForm},
		{403, member, "POST", "/products/2/edit", "", asForm},
		{404, admin, "POST", "/products/999999/edit", "version=1&name=Lamp&price=1.5&categoryId=1", asForm},
		{413, admin, "POST", "/products/2/edit", tooLarge(), asForm},
		{415, admin, "POST", "/products/2/edit", "{}", nil},
		{422, admin, "POST", "/products/2/edit", "version=2&name=", asForm},
		{303, admin, "POST", "/products/2/stock", "quantity=5", asForm},
		{400, admin, "POST", "/products/2/stock", "%", asForm},
		{401, visitor, "POST", "/products/2/stock", "", asForm},
		{403, member, "POST", "/products/2/stock", "", asForm},
		{404, admin, "POST", "/products/999999/stock", "quantity=5", asForm},
		{413, admin, "POST", "/products/2/stock", tooLarge(), asForm},
		{415, admin, "POST", "/products/2/stock", "{}", nil},
		{422, admin, "POST", "/products/2/stock", "quantity=-1", asForm},
		{401, visitor, "DELETE", one, "", nil},
		{403, member, "DELETE", one, "", nil},
		{404, admin, "DELETE", absent, "", nil},
		{412, admin, "DELETE", one, "", []string{"If-Match", stale}},
		{422, admin, "DELETE", bad, "", nil},
		{204, admin, "DELETE", one, "", nil},
	}
}
