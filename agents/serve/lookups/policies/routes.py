"""Compare policies in the background, and activate one."""

from typing import Final, TypeVar

import msgspec
from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from agents.serve.access.scopes import Scope
from agents.serve.context import Context
from agents.serve.lookups.answers import PolicyApplied, PolicyDiff
from agents.serve.lookups.policies.activation import apply_policy, parse_or_note
from agents.serve.lookups.policies.diffs import without_names
from agents.serve.lookups.query import AnyRequest
from agents.serve.problems import Problem
from state.config.campaigns import parse_campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy_reader import parse_policy

JSON: Final = "application/json"


class PolicyDiffRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The TOML texts of two policies.

    Attributes:
        b: the policy that is considered.
        a: what it is compared with; the active one by default.
        campaigns: TOML text of the campaigns for both; the active ones by default.
    """

    b: str
    a: str | None = None
    campaigns: str | None = None


class PolicyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The TOML text of a policy."""

    policy: str


Body = TypeVar("Body", PolicyDiffRequest, PolicyRequest)


@post(
    "/v1/policy/diff",
    opt={"scope": Scope.AGGREGATES_READ},
    operation_id="beginPolicyDiff",
    status_code=202,
    responses={
        202: ResponseSpec(
            PolicyDiff, generate_examples=False, description="it runs; `Location` has its progress and result"
        )
    },
)
async def begin_diff(request: AnyRequest, context: Context) -> Response[PolicyDiff]:
    """Begin to compare a policy with the active one, or two policies, on the whole journal; one at a time.

    The body is the policy as TOML, or JSON with `b` and optionally `a` and `campaigns`.
    """
    asked = await _read(request, PolicyDiffRequest)
    errors: list[str] = []
    a = parse_or_note(parse_policy, "a", asked.a, errors)
    b = parse_or_note(parse_policy, "b", asked.b, errors)
    campaigns = parse_or_note(parse_campaigns, "campaigns", asked.campaigns, errors)
    if errors or b is None:
        raise ConfigErrors(errors)
    diff = await context.policy_diffs.begin(a, b, campaigns)
    return Response(_for(request, diff), headers={"location": f"/v1/policy/diff/{diff.id}"})


@get("/v1/policy/diff/{diff_id:str}", opt={"scope": Scope.AGGREGATES_READ}, operation_id="getPolicyDiff")
async def get_diff(diff_id: FromPath[str], request: AnyRequest, context: Context) -> PolicyDiff:
    """Return the progress of a comparison, and its result; the customers by name only with `customers:read`."""
    diff = context.policy_diffs.find(diff_id)
    if diff is None:
        detail = (
            f"this server has no comparison {diff_id!r}: another server took it, this one has been restarted, or has "
            "had 16 since; ask the server that took it, or begin it again"
        )
        raise Problem(404, "unknown-diff", detail)
    return _for(request, diff)


@post("/v1/policy", opt={"scope": Scope.POLICY_WRITE}, operation_id="applyPolicy", status_code=200)
async def apply(request: AnyRequest, context: Context) -> PolicyApplied:
    """Activate a policy in all partitions, after the events that are published already.

    The body is the policy as TOML, or JSON with `policy`.
    """
    asked = await _read(request, PolicyRequest)
    return await apply_policy(context.settings, asked.policy)


async def _read(request: AnyRequest, kind: type[Body]) -> Body:
    """Return the body; TOML stands for its only required field.

    Raises:
        Problem: it is neither.
    """
    body = await request.body()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == JSON:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError as error:
            raise Problem(400, "body", f"the body is not as documented: {error}") from error
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "body", "the body must be a policy as TOML in UTF-8, or JSON") from error
    if not text.strip():
        raise Problem(400, "body", "the body is empty; send a policy as TOML, or JSON")
    return kind(text)


def _for(request: AnyRequest, diff: PolicyDiff) -> PolicyDiff:
    return diff if request.auth.has(Scope.CUSTOMERS_READ) else without_names(diff)


ROUTES: Final[list[ControllerRouterHandler]] = [begin_diff, get_diff, apply]
