"""Queues in closed form: the wait at a store that serves one after the other, and the share of time without a spare."""

from __future__ import annotations

import math


def mean_wait(rate: float, service_s: float, deviation_s: float = 0.0) -> float:
    """Seconds that a customer waits in M/G/1: rate E[S^2] / (2 (1 - rho)) (Pollaczek and Khinchine); `rate` a second.

    Infinite where more is asked of the server than it can do (rho >= 1).
    """
    load = rate * service_s
    if load >= 1:
        return math.inf
    return rate * (service_s**2 + deviation_s**2) / (2 * (1 - load))


def erlang_loss(servers: int, load: float) -> float:
    """Share of time in which all servers are busy, if nobody comes meanwhile: B(0) = 1, B(c) = a B(c-1) / (c + a B(c-1)).

    `load` is arrivals times mean service. It holds for any distribution of the service (Erlang 1917, Sevastyanov 1957).
    """
    lost = 1.0
    for busy in range(1, servers + 1):
        lost = load * lost / (busy + load * lost)
    return lost
