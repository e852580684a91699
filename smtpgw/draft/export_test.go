package draft

// CheckHeader is for the tests beside this package, which submit.
var CheckHeader = checkHeader
