package querylog

// Explainable is a rule that the tests, which stand outside, go through case by case.
var Explainable = explainable
