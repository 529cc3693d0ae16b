"""A server on this machine that behaves like fal's API over real HTTP, with a made-up fleet, and faults on demand."""

from inventory.simulator.exchange import Request, Response, decode_cursor, encode_cursor
from inventory.simulator.faults import (
    Body,
    Delay,
    Drip,
    Drop,
    Endless,
    Fault,
    Faults,
    Hang,
    Redirect,
    Rewrite,
    Status,
    Truncate,
    on_get,
    on_list,
    on_page,
)
from inventory.simulator.fleet import Fleet
from inventory.simulator.lively_fleet import Life, LivelyFleet
from inventory.simulator.server import Simulator

__all__ = [
    "Body",
    "Delay",
    "Drip",
    "Drop",
    "Endless",
    "Fault",
    "Faults",
    "Fleet",
    "Hang",
    "Life",
    "LivelyFleet",
    "Redirect",
    "Request",
    "Response",
    "Rewrite",
    "Simulator",
    "Status",
    "Truncate",
    "decode_cursor",
    "encode_cursor",
    "on_get",
    "on_list",
    "on_page",
]
