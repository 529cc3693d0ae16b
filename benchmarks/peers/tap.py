"""A Singer tap for the list, made with the Singer SDK. The output of the tap goes to target-postgres.

python tap.py --config FILE. FILE holds a JSON object with `url` and `page`.
"""

from typing import Any

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.helpers.jsonpath import extract_jsonpath

COLUMNS = ("instance_type", "region", "sector", "ip", "status", "creator_user_nickname")


class Fleet(RESTStream):  # type: ignore[type-arg]
    """The list of instances."""

    name = "fleet"
    path = "/compute/instances"
    primary_keys = ("id",)
    records_jsonpath = "$.instances[*]"
    next_page_token_jsonpath = "$.next_cursor"
    schema = th.PropertiesList(
        th.Property("id", th.StringType, required=True), *(th.Property(name, th.StringType) for name in COLUMNS)
    ).to_dict()

    @property
    def url_base(self) -> str:
        """Return the address of the API."""
        return str(self.config["url"])

    @property
    def http_headers(self) -> dict[str, str]:
        """Return the header with the key."""
        return {"Authorization": "Key a:b"}

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return the query of a page."""
        return {"limit": self.config["page"]} | ({"cursor": next_page_token} if next_page_token else {})

    def parse_response(self, response: Any) -> Any:
        """Yield the instances of a page."""
        yield from extract_jsonpath(self.records_jsonpath, input=response.json())


class FleetTap(Tap):
    """The tap, with one stream."""

    name = "tap-fleet"
    config_jsonschema = th.PropertiesList(
        th.Property("url", th.StringType), th.Property("page", th.StringType)
    ).to_dict()

    def discover_streams(self) -> list[Any]:
        """Return a list with the only stream."""
        return [Fleet(self)]


if __name__ == "__main__":
    FleetTap.cli()
