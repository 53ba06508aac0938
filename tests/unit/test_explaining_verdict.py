"""The rules of the verdict, one at a time, and their wording."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.explaining.verdict import ALIKE, SIMILAR, Scores, Verdict, judge, map_faults, refused

GOOD = Scores(0.9, 0.2, 0.7)
POOR = {"random": Scores(0.5, 0.5, 0.0), "edges": Scores(0.55, 0.45, 0.1), "centre": Scores(0.6, 0.44, 0.2)}
BAD = Scores(0.3, 0.7, -0.4)


def rules(verdict: Verdict) -> list[str]:
    return [reason.rule for reason in verdict.reasons]


def judged(own: Scores = GOOD, whole: float = 0.95, swing: float = 0.9, similarity: float | None = 0.2) -> Verdict:
    return judge(own, POOR, whole=whole, swing=swing, similarity=similarity)


def test_a_map_that_beats_all_controls_is_trusted_and_the_numbers_are_said():
    found = judged()
    assert (found.word, found.trust) == ("trust", 1.0)
    rival, road = "a map of the photo's middle", "+0.70 against +0.20"
    assert [reason.sentence for reason in found.reasons] == [
        f"Deleting what the map points at lowers the score faster than {rival}: 0.20 against 0.44.",
        f"Bringing back what the map points at raises the score faster than {rival}: 0.90 against 0.60.",
        f"With pixels removed so that it cannot be seen, the map's order matters more than {rival}: {road}.",
        "A network with random weights gives another map, as it should (rank correlation 0.20).",
    ]


def test_a_map_that_loses_to_all_is_refused():
    found = judged(BAD)
    assert (found.word, found.trust) == ("no", 0.0)
    assert (
        "lowers the score more slowly than a map of the photo's middle: 0.70 against 0.44" in found.reasons[0].sentence
    )


def test_as_good_as_the_controls_is_half_the_trust_and_a_doubt():
    same = Scores(0.5, 0.5, 0.0)
    found = judge(same, dict.fromkeys(POOR, same), whole=0.9, swing=0.9)
    assert (found.word, found.trust) == ("doubt", 0.5)
    assert "as much as a random map: 0.50 against 0.50" in found.reasons[0].sentence


def test_what_is_the_same_to_two_digits_is_said_to_be_the_same():
    found = judge(Scores(0.9, 0.4401, 0.7), POOR, whole=0.95, swing=0.9)
    assert found.reasons[0].sentence.endswith("as much as a map of the photo's middle: 0.44 against 0.44.")
    assert found.reasons[0].values["sign"] == 0


def test_the_points_of_a_duel_grow_in_a_straight_line_and_end():
    equal = Scores(0.5, 0.5, 0.0)
    for lead, trust in ((0.0, 0.5), (0.05, 0.625), (-0.05, 0.375), (0.2, 1.0), (0.4, 1.0), (-0.3, 0.0)):
        own = Scores(0.5 + lead, 0.5 - lead, 2 * lead)
        assert judge(own, dict.fromkeys(POOR, equal), whole=0.9, swing=1.0).trust == pytest.approx(trust)
    half = judge(Scores(0.55, 0.45, 0.1), dict.fromkeys(POOR, equal), whole=0.9, swing=0.5)
    assert half.trust == pytest.approx(0.75), "leads count as parts of the swing"


def test_the_centre_counts_half():
    equal, better = Scores(0.5, 0.5, 0.0), Scores(0.9, 0.1, 0.8)
    lost = {"random": equal, "edges": equal, "centre": better}
    assert judge(equal, lost, whole=0.9, swing=1.0).trust == pytest.approx(0.4)
    assert judge(equal, {**lost, "centre": equal, "edges": better}, whole=0.9, swing=1.0).trust == pytest.approx(0.3)


def test_two_losses_to_random_are_refused_whatever_the_rest_is():
    own = Scores(0.95, 0.52, -0.1)
    controls = {**POOR, "edges": Scores(0.1, 0.9, -0.9), "centre": Scores(0.1, 0.9, -0.9)}
    found = judge(own, controls, whole=0.9, swing=0.9)
    assert found.trust > 0.65
    assert found.word == "no"


def test_edges_must_be_beaten_in_two_measurements():
    controls = {**POOR, "random": Scores(0.2, 0.9, -0.6), "edges": Scores(0.91, 0.19, 0.6)}
    found = judge(GOOD, controls, whole=0.95, swing=0.9)
    assert found.trust > 0.65
    assert found.word == "doubt"
    assert "more slowly than the edge detector's map: 0.20 against 0.19" in found.reasons[0].sentence


def test_a_map_that_ignores_the_weights_is_refused_first_of_all():
    found = judged(similarity=ALIKE)
    assert (found.word, found.trust, rules(found)[0]) == ("no", 0.2, "randomisation")
    assert "does not show what this network has learned (rank correlation 0.80)" in found.reasons[0].sentence
    assert judged(similarity=SIMILAR).word == "doubt"
    assert rules(judged(similarity=SIMILAR))[0] == "randomisation"
    assert judged(similarity=SIMILAR - 0.01).word == "trust"
    assert "randomisation" not in rules(judged(similarity=None))


def test_when_nothing_moves_nothing_is_said():
    found = judged(swing=0.09, whole=0.99)
    assert (found.word, found.trust, rules(found)) == ("doubt", 0.5, ["still", "randomisation"])
    assert "moves by 0.09 at most (it is 0.99 on the whole photo)" in found.reasons[0].sentence
    caught = judged(swing=0.09, similarity=0.95)
    assert (caught.word, caught.trust) == ("no", 0.2)


def test_a_class_that_is_hardly_there_is_at_best_a_doubt():
    found = judged(whole=0.04)
    assert (found.word, rules(found)[0]) == ("doubt", "faint")
    assert "gives this class only 0.040 on the whole photo" in found.reasons[0].sentence
    assert judged(BAD, whole=0.04).word == "no"


@pytest.mark.parametrize(("whole", "swing"), [(float("nan"), 0.9), (0.9, float("nan")), (float("inf"), 0.5)])
def test_answers_that_are_no_numbers(whole, swing):
    found = judged(whole=whole, swing=swing)
    assert (found.word, rules(found)) == ("doubt", ["no number"])


def test_reasons_carry_their_numbers_for_programs():
    values = {reason.rule: reason.values for reason in judged().reasons}
    assert values["deletion"] == {"control": "centre", "own": 0.2, "other": 0.44, "sign": 1}
    assert values["randomisation"] == {"similarity": 0.2, "alike": ALIKE, "similar": SIMILAR}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.array([[1.0, np.inf], [np.nan, 0.0]]), "2 pixels of 4 that are no number"),
        (np.array([[0.0, 0.0]]), "zero everywhere"),
        (np.array([[-0.0, 0.0]]), "zero everywhere"),
        (np.array([[3.0, 3.0 + 1e-9]]), "3 everywhere"),
        (np.zeros((0, 4)), "no pixels"),
    ],
)
def test_faults_are_named(value, sentence):
    assert sentence in map_faults(value)
    assert refused(map_faults(value)).word == "no"


def test_a_small_but_real_difference_is_no_fault():
    assert map_faults(np.array([[1e-12, 2e-12]], np.float32)) == ""
    assert map_faults(np.array([[1.0, 1.001]], np.float32)) == ""
