from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "fleet.pages"
