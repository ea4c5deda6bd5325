from books.views import shelf
from django.urls import path

urlpatterns = [path("", shelf)]
