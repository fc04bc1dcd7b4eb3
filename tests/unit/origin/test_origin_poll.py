import asyncio

from origin.poll import Bell, poll


def test_a_ring_between_look_and_wait_is_not_missed() -> None:
    async def story() -> list[int]:
        bell, found = Bell(), []

        async def look() -> int:
            found.append(len(found))
            bell.ring()  # something changes right after the look
            return found[-1]

        await poll(bell, look, lambda number: number == 3, wait_s=60)
        return found

    assert asyncio.run(story()) == [0, 1, 2, 3]


def test_closing_answers_everyone_who_waits_and_all_who_come() -> None:
    async def story() -> list[str]:
        bell = Bell()

        async def look() -> str:
            return "nothing new"

        waiting = [asyncio.create_task(poll(bell, look, lambda _: False, wait_s=60)) for _ in range(3)]
        await asyncio.sleep(0)
        bell.close()
        late = await poll(bell, look, lambda _: False, wait_s=60)
        return [*await asyncio.wait_for(asyncio.gather(*waiting), 30), late]

    assert asyncio.run(story()) == ["nothing new"] * 4


def test_time_up_gives_what_there_is() -> None:
    async def look() -> str:
        return "nothing new"

    assert asyncio.run(poll(Bell(), look, lambda _: False, wait_s=0.0)) == "nothing new"
    assert asyncio.run(poll(Bell(), look, lambda _: False, wait_s=0.01)) == "nothing new"
