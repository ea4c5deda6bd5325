"""The web page that comes along: plain files, served as they are, that speak to the API alone."""
