"""Django settings. Every value a deployment may change comes through `env`; docs/settings.md explains each."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import conninfo_to_dict

from aggregation.core.lifecycle import JobState, MemberState, RoundState
from config.env import EMBEDDED_ENV, ConfigError, Env, read_env_file
from config.timing import check_lease
from muster.wire.messages import LONGEST_INTERVAL_MS
from muster.wire.targets import Reason, ShardState
from muster.wire.work import WorkReason

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("MUSTER_DATA_DIR", BASE_DIR / "var")).expanduser().resolve()

env = Env(fallback=read_env_file(DATA_DIR / EMBEDDED_ENV))
try:
    MUSTER_DATA_DIR = env.path("MUSTER_DATA_DIR", DATA_DIR)
    MUSTER_DATABASE_URL = env.text("MUSTER_DATABASE_URL")
    MUSTER_REDIS_URL = env.text("MUSTER_REDIS_URL")
    MUSTER_PUBLIC_URL = env.text("MUSTER_PUBLIC_URL").rstrip("/")
    MUSTER_GATEWAY_URL = env.text("MUSTER_GATEWAY_URL").rstrip("/")
    SECRET_KEY = env.text("MUSTER_SECRET_KEY")
    DEBUG = env.flag("MUSTER_DEBUG", False)
    ALLOWED_HOSTS = env.words("MUSTER_ALLOWED_HOSTS", urlsplit(MUSTER_PUBLIC_URL).hostname or "")
    # Seconds without a stored frame after which a node counts as offline.
    MUSTER_LEASE_SECONDS = env.integer("MUSTER_LEASE_SECONDS", 6, least=2)
    MUSTER_SAMPLE_INTERVAL_MS = env.integer("MUSTER_SAMPLE_INTERVAL_MS", 1000, least=100, most=LONGEST_INTERVAL_MS)
    check_lease(MUSTER_LEASE_SECONDS, MUSTER_SAMPLE_INTERVAL_MS)
    # How often a node asks each model that it holds a part of, with its own data.
    MUSTER_REQUEST_INTERVAL_MS = env.integer("MUSTER_REQUEST_INTERVAL_MS", 1000, least=10, most=LONGEST_INTERVAL_MS)
    MUSTER_RAW_HOURS = env.integer("MUSTER_RAW_HOURS", 6, least=1)
    # The largest file of weights that is taken in.
    MUSTER_MAX_ARTIFACT_BYTES = env.integer("MUSTER_MAX_ARTIFACT_BYTES", 2 << 30, least=1)
    # Whether this installation runs workers, whose canaries then count for readiness.
    MUSTER_WORKERS = env.flag("MUSTER_WORKERS", True)
    MUSTER_LOG_LEVEL = env.text("MUSTER_LOG_LEVEL", "INFO")
except ConfigError as error:
    raise ImproperlyConfigured(str(error)) from error

_public = urlsplit(MUSTER_PUBLIC_URL)
SECURE = _public.scheme == "https"

INSTALLED_APPS = [
    "fleet.pages",
    "fleet.rollouts",
    "fleet.telemetry",
    "fleet.registry",
    "fleet.trust",
    "aggregation",
    "inference",
    "channels",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "csp",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    # Headers first, so that static files carry them too.
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "fleet.pages.middleware.NoStoreMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "fleet.pages.middleware.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": [("django.template.loaders.cached.Loader", ["django.template.loaders.filesystem.Loader"])],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "fleet.pages.context.shell",
            ],
        },
    },
]

_db = conninfo_to_dict(MUSTER_DATABASE_URL)
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _db.get("dbname", "muster"),
        "USER": _db.get("user", ""),
        "PASSWORD": _db.get("password", ""),
        "HOST": _db.get("host", ""),
        "PORT": str(_db.get("port", "")),
        # A thread of an ASGI server never gives a connection back by itself, so connections live in a pool.
        "CONN_MAX_AGE": 0,
        # The pool looks at a connection before it lends it: after a restart of PostgreSQL no page fails.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 8, "timeout": 10}},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_redis = urlsplit(MUSTER_REDIS_URL)
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": MUSTER_REDIS_URL}}
CHANNEL_LAYERS = {
    "default": {
        # The pub/sub layer: no per-channel capacity that drops silently, no membership that expires.
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": MUSTER_REDIS_URL, "socket_timeout": None}], "prefix": "muster"},
    }
}

AUTH_USER_MODEL = "trust.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_AGE = 12 * 3600  # a shift
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [MUSTER_PUBLIC_URL]
SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1 << 20
# No body is read past this. Above Django's own limit, so that a body just over that is refused in the words of REST.
MUSTER_MAX_BODY_BYTES = 2 * DATA_UPLOAD_MAX_MEMORY_SIZE

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = MUSTER_DATA_DIR / "static"
SERVESTATIC_ALLOW_ALL_ORIGINS = False  # the pages' own assets; nobody else embeds them
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "fleet.trust.api.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["fleet.trust.api.parsers.LimitedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "fleet.trust.api.pagination.Pages",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "fleet.trust.api.errors.handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Muster",
    "VERSION": "1",
    "DESCRIPTION": "The control plane of a fleet of edge AI nodes.",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "ENUM_NAME_OVERRIDES": {
        "JobStateEnum": [state.value for state in JobState],
        "MemberStateEnum": [state.value for state in MemberState],
        "NodeStateEnum": "fleet.registry.models.node.STATE_LABELS",
        "NodeTierEnum": "fleet.trust.models.enrolment_token.Tier",
        "RoundStateEnum": [state.value for state in RoundState],
        "ShardStateEnum": [state.value for state in ShardState],
        "TargetReasonEnum": [reason.value for reason in Reason if reason.value],
        "UploadStateEnum": "fleet.registry.models.upload.Upload.State",
        "VersionStateEnum": "fleet.registry.models.version.STATE_LABELS",
        "WorkReasonEnum": [reason.value for reason in WorkReason if reason.value],
        "WorkloadTierEnum": "muster.workloads.declaration.TIERS",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

LOGGING_CONFIG = "config.logging.configure"
LOGGING = {"level": MUSTER_LOG_LEVEL}
