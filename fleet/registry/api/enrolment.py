"""REST that devices speak before they have an identity here: open to everybody, limited by address."""

import msgspec
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.registry.services import enrolment
from fleet.trust.api.parsers import EnrolmentParser
from fleet.trust.api.requests import address
from fleet.trust.api.schema import answers, struct_schema
from fleet.trust.api.throttles import EnrolmentThrottle
from muster.wire.enrolment import EnrolmentRequest, EnrolmentResponse, ServerHello


class OpenView(APIView):
    """Asks nobody who they are."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = (EnrolmentThrottle,)


class ServerView(OpenView):
    @extend_schema(
        parameters=[OpenApiParameter("nonce", str, required=True, description="16 to 64 bytes as base64url.")],
        responses=answers(struct_schema(ServerHello), 400, 406, 429),
        auth=[],
    )
    def get(self, request: Request) -> Response:
        """Greet a device: the server's key, signed over the device's nonce, to compare with the pin."""
        hello = enrolment.hello(request.query_params.get("nonce", ""))
        return Response(msgspec.to_builtins(hello))


class EnrolmentView(OpenView):
    parser_classes = (EnrolmentParser,)

    @extend_schema(
        request={"application/json": struct_schema(EnrolmentRequest)},
        responses=answers(struct_schema(EnrolmentResponse), 400, 403, 406, 409, 413, 415, 429),
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Enrol a device. The same request again gets the same answer."""
        body = request.data if isinstance(request.data, bytes) else b""  # a request without a body parses to a dict
        answer = enrolment.enrol(body, address=address(request))
        return Response(msgspec.to_builtins(answer))
