from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

BOOKS = (
    ("Frankenstein", "Mary Shelley", 1818),
    ("Middlemarch", "George Eliot", 1871),
    ("Dracula", "Bram Stoker", 1897),
)


def shelf(request: HttpRequest) -> HttpResponse:
    return render(request, "shelf.html", {"books": BOOKS})
