"""Exceptions and answers that tell a client of its own mistake, with their status.

Checked against Django 5.2, Django REST framework 3.16, werkzeug 3.1 and aiohttp 3.13.
"""

CLIENT_ERRORS: dict[str, int] = {
    "django.http.Http404": 404,
    "django.core.exceptions.PermissionDenied": 403,
    "rest_framework.exceptions.ValidationError": 400,
    "rest_framework.exceptions.ParseError": 400,
    "rest_framework.exceptions.AuthenticationFailed": 401,
    "rest_framework.exceptions.NotAuthenticated": 401,
    "rest_framework.exceptions.PermissionDenied": 403,
    "rest_framework.exceptions.NotFound": 404,
    "rest_framework.serializers.ValidationError": 400,
    "fastapi.exceptions.RequestValidationError": 422,
    **{
        f"werkzeug.exceptions.{name}": status
        for name, status in {
            "BadRequest": 400,
            "Unauthorized": 401,
            "Forbidden": 403,
            "NotFound": 404,
            "MethodNotAllowed": 405,
            "Conflict": 409,
            "Gone": 410,
            "UnprocessableEntity": 422,
        }.items()
    },
    **{
        f"aiohttp.web.HTTP{name}": status
        for name, status in {
            "BadRequest": 400,
            "Unauthorized": 401,
            "Forbidden": 403,
            "NotFound": 404,
            "Conflict": 409,
            "Gone": 410,
            "UnprocessableEntity": 422,
        }.items()
    },
}

CLIENT_ERROR_RESPONSES: dict[str, int] = {
    "django.http.HttpResponseBadRequest": 400,
    "django.http.HttpResponseForbidden": 403,
    "django.http.HttpResponseNotFound": 404,
    "django.http.HttpResponseNotAllowed": 405,
}
