"""The URLs of the views."""

import views
from django.urls import path

urlpatterns = [
    path("deployments", views.deploy),
    path("deployments/<uuid:id>", views.show),
    path("deployments/<uuid:id>/log", views.show_log),
]
