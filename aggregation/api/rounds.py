"""REST of rounds: how far each is, who takes part, and what became of every update."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from aggregation.core.lifecycle import MemberState, RoundState, Screen, Verdict
from aggregation.filters import MemberFilter
from aggregation.models import Member, Phase, Round
from aggregation.selectors import jobs as selectors
from fleet.trust.api.schema import READ, answers
from muster.wire.work import WorkReason, WorkState

METRICS = serializers.DictField(
    child=serializers.DictField(child=serializers.IntegerField(allow_null=True)),
    read_only=True,
    help_text="On held-out data: `all`, or a modality alone → name → millionths; null where it is no number.",
)


class PhaseOut(serializers.ModelSerializer[Phase]):
    """One exchange with the members; its id is the task that they see."""

    class Meta:
        model = Phase
        fields = ["id", "ordinal", "name", "update_kind", "state", "quorum", "deadline_at", "grace_until"]
        read_only_fields = fields


class RoundOut(serializers.ModelSerializer[Round]):
    """One round of a job."""

    job_id = serializers.UUIDField(read_only=True)
    state = serializers.ChoiceField([state.value for state in RoundState], read_only=True)
    base_version = serializers.IntegerField(source="base_version.number", read_only=True)
    result_version = serializers.IntegerField(
        source="result_version.number", default=None, allow_null=True, read_only=True
    )
    result_version_id = serializers.UUIDField(allow_null=True, read_only=True)
    metrics = METRICS
    failure = serializers.CharField(read_only=True, help_text="A word, then what there is to say, in English.")
    counts = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="State → how many members are in it."
    )

    class Meta:
        model = Round
        fields = [
            "id",
            "job_id",
            "number",
            "state",
            "base_version",
            "result_version",
            "result_version_id",
            "result_sha256",
            "metrics",
            "failure",
            "counts",
            "attempts",
            "created_at",
            "opened_at",
            "closed_at",
            "finished_at",
        ]
        read_only_fields = fields


class RoundDetailOut(RoundOut):
    """A round with its phases."""

    phases = PhaseOut(many=True, read_only=True)

    class Meta(RoundOut.Meta):
        fields = [*RoundOut.Meta.fields, "phases"]
        read_only_fields = fields


class MemberOut(serializers.ModelSerializer[Member]):
    """A node's part in a round, and what became of its update."""

    node = serializers.UUIDField(source="node.uid", read_only=True)
    name = serializers.CharField(source="node.name", read_only=True)
    site = serializers.CharField(source="node.site", read_only=True, help_text="Path of the site.")
    tier = serializers.CharField(source="node.tier", read_only=True)
    state = serializers.ChoiceField([state.value for state in MemberState], read_only=True)
    reason = serializers.ChoiceField(
        [reason.value for reason in WorkReason if reason.value],
        read_only=True,
        allow_blank=True,
        help_text="Why it dropped out.",
    )
    said = serializers.ChoiceField(
        [state.value for state in WorkState],
        source="said_state",
        read_only=True,
        allow_null=True,
        help_text="How far the node says that it is.",
    )
    verdict = serializers.ChoiceField([one.value for one in Verdict], read_only=True, allow_null=True)
    verdict_reason = serializers.ChoiceField(
        [one.value for one in Screen if one.value], source="screen", read_only=True, allow_null=True, allow_blank=True
    )
    verdict_detail = serializers.CharField(source="screen_detail", read_only=True, allow_null=True)
    samples = serializers.SerializerMethodField(help_text="Component → samples behind its tensors.")
    norm = serializers.FloatField(read_only=True, allow_null=True, help_text="Euclidean, of all differences.")
    loss_before = serializers.FloatField(read_only=True, allow_null=True)
    loss_after = serializers.FloatField(read_only=True, allow_null=True)
    trained_ms = serializers.IntegerField(read_only=True, allow_null=True)
    size_bytes = serializers.IntegerField(read_only=True, allow_null=True)
    sha256 = serializers.CharField(source="update_sha256", read_only=True, allow_null=True)
    attempt = serializers.IntegerField(read_only=True, allow_null=True)
    received_at = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta:
        model = Member
        fields = [
            "node",
            "name",
            "site",
            "tier",
            "state",
            "reason",
            "detail",
            "since",
            "said",
            "verdict",
            "verdict_reason",
            "verdict_detail",
            "samples",
            "norm",
            "loss_before",
            "loss_after",
            "trained_ms",
            "size_bytes",
            "sha256",
            "attempt",
            "received_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField(), allow_null=True))
    def get_samples(self, member: Any) -> dict[str, int] | None:
        samples: dict[str, int] | None = member.samples
        return samples


class RoundViewSet(mixins.RetrieveModelMixin, GenericViewSet[Round]):
    """Rounds of the jobs that the person sees."""

    lookup_value_converter = "uuid"
    serializer_class = RoundDetailOut

    def get_queryset(self) -> QuerySet[Round]:
        return selectors.listed_rounds(self.request.user).prefetch_related("phases")

    def get_object(self) -> Round:
        return counted([super().get_object()])[0]

    @extend_schema(responses=answers(RoundDetailOut, 404, *READ), filters=False)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one round with its phases."""
        return super().retrieve(request, *args, **kwargs)


class RoundMembersView(generics.ListAPIView[Member]):
    """The members of a round in order of their nodes' names."""

    serializer_class = MemberOut
    filterset_class = MemberFilter
    queryset = Member.objects.none()  # for the schema; what is listed hangs on the address

    def get_queryset(self) -> QuerySet[Any]:
        return selectors.members(self._round)

    @extend_schema(responses=answers(MemberOut(many=True), 400, 404, *READ))
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """List the members of a round: how far each came, and the verdict on its update with the reason."""
        self._round = get_object_or_404(selectors.listed_rounds(self.request.user), pk=pk)
        return self.list(request)


def counted(rounds: list[Round]) -> list[Round]:
    """Return rounds with the counts of their members' states, read in one query."""
    found = selectors.counts([round.pk for round in rounds])
    for round in rounds:
        round.counts = found.get(round.pk, {})  # type: ignore[attr-defined]  # for the serializer alone
    return rounds
