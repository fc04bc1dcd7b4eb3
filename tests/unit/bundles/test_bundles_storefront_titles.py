import pytest
import titles


@pytest.mark.parametrize(
    ("product_type", "category", "title"),
    [
        ("BANANAS", "TROPICAL FRUIT", "Bananas"),
        ("FLUID MILK WHITE ONLY", "FLUID MILK PRODUCTS", "White milk"),
        ("LEAN", "BEEF", "Lean ground beef"),
        ("LEAN", "PORK", "Lean pork"),
        ("FRZN CORN ON COB", "FRZN VEGETABLE/VEG DSH", "Frozen corn on cob"),
        ("CHEESE: GOAT", "CHEESES", "Goat cheese"),
        ("DIPS (NON-REFRIGERATED)", "BAG SNACKS", "Dips"),
        ("SPECIAL TRAY (PARTY", "DELI", "Special tray"),
        ("NA", "HOSIERY/SOCKS", "Hosiery and socks"),
    ],
)
def test_titles_are_for_shoppers(product_type: str, category: str, title: str) -> None:
    assert titles.title(product_type, category) == title


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("BAKED BREAD/BUNS/ROLLS", "Baked bread, buns and rolls"),
        ("SOFT DRINKS", "Soft drinks"),
        ("VEGETABLES - ALL OTHERS", "Vegetables others"),
        ("()", "Other"),
    ],
)
def test_categories_are_headings(name: str, heading: str) -> None:
    assert titles.category(name) == heading


def test_departments_are_slugs_that_can_be_said() -> None:
    assert [titles.department(name) for name in ("PRODUCE", "DRUG GM", "SALAD BAR", "MEAT-PCKGD", "SEAFOOD-PCKGD")] == [
        "produce",
        "drug-gm",
        "salad-bar",
        "packaged-meat",
        "seafood",
    ]
    assert titles.spoken("drug-gm") == "household and care"
    assert titles.spoken("packaged-meat") == "packaged meat"


@pytest.mark.parametrize(
    ("text", "department", "size"),
    [
        ("1 GA", "GROCERY", "1 gal"),
        ("40 LB", "PRODUCE", ""),
        ("1 LB", "PRODUCE", "1 lb"),
        ("(600) 4 LB", "GROCERY", ""),
    ],
)
def test_sizes_are_of_one_unit_and_never_of_a_case(text: str, department: str, size: str) -> None:
    assert titles.size(text, department) == size
