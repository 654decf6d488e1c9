"""Addresses of the pages of training."""

from django.urls import URLPattern, URLResolver, path

from aggregation.views import job_new, jobs, rounds, version_origin

urlpatterns: list[URLPattern | URLResolver] = [
    path("rounds/", jobs.jobs, name="rounds"),
    path("rounds/new", job_new.job_new, name="job-new"),
    path("rounds/<uuid:pk>/", jobs.job, name="job"),
    path("rounds/<uuid:pk>/figure", jobs.figure, name="job-figure"),
    path("rounds/<uuid:pk>/stop", jobs.stop, name="job-stop"),
    path("rounds/<uuid:pk>/<int:number>/", rounds.round, name="round"),
    path("models/<uuid:pk>/versions/<int:number>/origin/", version_origin.version_origin, name="version-origin"),
]
