"""Answers of the edge as the storefront's pages get them: shelves, offers, questions, nudges."""

from stand_in import Json, decision

LONG = "A very long name of a product that nobody would put on a label but that the till knows well"
HOSTILE = "<img src=x onerror='window.hacked=1'>\"><script>window.hacked=1</script>"


def item(number: int, title: str = "Bananas", **props: object) -> Json:
    """One product of a shelf."""
    made: Json = {
        "title": title,
        "brand": "National brand",
        "size": "1 lb",
        "price": 129,
        "was": 0,
        "department": "produce",
        "category": "Tropical fruit",
    }
    return {"id": str(number), "offer_id": f"product-{number}", "why": "You bought this before", "props": made | props}


def shelf(first: int = 1, title: str = "Bananas", slot: str = "for-you", count: int = 12, **props: object) -> Json:
    """A ranking of products with rising ids."""
    items = [item(number, title, **props) for number in range(first, first + count)]
    answer = [one["id"] for one in items]
    component = "row" if slot == "popular" else "shelf"
    return decision(slot, component=component, answer=answer, props={"items": items}, decision_id=f"r{first}.{slot}")


def page_of(text: str) -> dict[str, Json]:
    """All six slots, with the same text in every field."""
    hero = {"title": text, "department": "produce", "evidence": text, "cta": text}
    offer = {"title": text, "body": text, "code": "FRESH20", "kind": "percent"}
    ask = {"question": text, "answers": [text, "Two", "Three", "Four"], "key": "size"}
    return {
        "hero": decision("hero", answer=["produce"], props=hero, why=text),
        "for-you": shelf(title=text, was=199, brand=text),
        "offer": decision("offer", answer=["produce-2"], props=offer, why=text),
        "delivery": decision("delivery", props={"title": text, "body": text, "by": text}),
        "ask": decision("ask", answer=["household-size"], props=ask),
        "popular": shelf(41, text, "popular", 6, was=199, brand=text),
    }


def nudge(kind: str = "incentive", text: str = "$2 off if you finish today", code: str = "TODAY2") -> Json:
    """One line for who leaves a cart behind."""
    props: Json = {"title": text, "body": text, "kind": kind, "code": code if kind == "incentive" else ""}
    props["off"] = 200 if kind == "incentive" else 0
    return decision("nudge", answer=[kind], props=props, why=text, decision_id="r1.nudge")


def cart_of(text: str, kind: str = "incentive") -> dict[str, Json]:
    """Both slots of the basket's page, with the same text in every field."""
    return {"goes-with": shelf(21, text, "goes-with", 6, was=199, brand=text), "nudge": nudge(kind, text)}
