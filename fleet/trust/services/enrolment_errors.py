"""Why a device may not enrol. The agent prints the message and ends with an error.

EnrolmentError
├── Malformed        400  not the documented JSON, or a value out of range
├── TooLarge         413  more bytes than a request may have
├── ProofInvalid     400  the signature does not prove the key, or was made for another server
├── TokenRefused     403
│   ├── TokenUnknown
│   ├── TokenExpired
│   ├── TokenUsedUp
│   ├── TokenRevoked
│   └── ForeignToken      for another site or tier than the one asked for
├── KeyKnown         409  this identity key has enrolled before
└── NameTaken        409  another device at the site has the wanted name
"""

from django.utils.translation import gettext_lazy as _

from fleet.trust.services.errors import DomainError


class EnrolmentError(DomainError):
    """A device may not enrol."""


class Malformed(EnrolmentError):
    code = "malformed"
    message = _("The request is not an enrolment request that this server understands.")


class TooLarge(EnrolmentError):
    code = "too_large"
    status = 413
    message = _("The enrolment request is too large.")


class ProofInvalid(EnrolmentError):
    code = "proof_invalid"
    message = _("The device could not prove that it holds its identity key.")


class TokenRefused(EnrolmentError):
    code = "token_refused"
    status = 403
    message = _("This enrolment token cannot be used.")


class TokenUnknown(TokenRefused):
    code = "token_unknown"
    message = _("This enrolment token is not known here. Check that it was copied whole, or create a new one.")


class TokenExpired(TokenRefused):
    code = "token_expired"
    message = _("This enrolment token has expired. Create a new one.")


class TokenUsedUp(TokenRefused):
    code = "token_used_up"
    message = _("This enrolment token has been used up. Create a new one.")


class TokenRevoked(TokenRefused):
    code = "token_revoked"
    message = _("This enrolment token has been revoked. Create a new one.")


class ForeignToken(TokenRefused):
    code = "foreign_token"
    message = _("This enrolment token is for another site or tier.")


class KeyKnown(EnrolmentError):
    code = "key_known"
    status = 409
    message = _(
        "A device with this identity key has enrolled before. Remove the agent's folder to enrol it as a new one."
    )


class NameTaken(EnrolmentError):
    code = "name_taken"
    status = 409
    message = _("Another device at this site has this name already.")
