"""Locust users that replay real baskets against an edge in `dev`: `make locust` while `make run` is up."""

from itertools import cycle

from locust import FastHttpUser, between, task

from loadtest.scenarios import read_visits, visit_calls

visits = cycle(read_visits())


class Shopper(FastHttpUser):
    """One shopper at a time: opens the page, fills the cart, buys. Closed loop: see `loadtest.bench` for latencies."""

    wait_time = between(0.05, 0.2)

    @task
    def visit(self) -> None:
        """Sends one visit's calls in order, keeping the cookie between them."""
        self.client.cookiejar.clear()
        for call in visit_calls(next(visits)):
            name = call.path.partition("?")[0]
            with self.client.post(
                call.path, data=call.body.decode(), headers=call.headers, name=name, catch_response=True
            ) as answer:
                if answer.status_code != 200:
                    answer.failure(f"HTTP {answer.status_code}")
