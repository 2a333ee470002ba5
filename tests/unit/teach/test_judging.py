"""How an answer is judged: right, wrong in a way that has a name, or typed again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.spans import plain
from bptui.teach import names, reading
from bptui.teach.catalogue import find
from bptui.teach.course import Course
from bptui.teach.judging import Judge, Typed, Verdict

HEAD = '+++\ntitle = "T"\n+++\n# T\n## A page\n::open {}\n'


def judged(page: int, text: str) -> Verdict:
    """Of lesson 4, at a page from 1."""
    return Course(names.opened(find("4").path), page - 1).answer(text)


def asked(expression: str, text: str, network: str = "lesson-2-2-1", more: str = "", body: str = "") -> Verdict:
    source = f"{HEAD.format(network)}{body}::ask number {expression}\nQ\n{more}> the hint\n"
    return Course(reading.parse(source, Path("own.md"))).answer(text)


RIGHT = [
    (2, "1"),
    (2, "1.0"),
    (2, "= 1"),
    (3, "-0.1975"),
    (3, "-0.20"),
    (3, "−0.198"),
    (3, "layer2.z - y"),
    (3, "-1.975e-1"),
    (7, "-0.0988"),
    (7, "-0.09875"),
    (7, "0.5*grad(layer2.z[0,0])"),
    (7, "layer1.a[0,1] * grad(layer2.z)"),
    (8, "-0.0978"),
    (8, "-.098"),
    (10, "-0.0244"),
    (10, "-0.024"),
    (10, "0.25*grad(layer1.a[0,1])"),
    (11, "-0.0074"),
    (14, "0.5504"),
    (14, "0.55"),
    (14, "layer2.weight[0,0] - lr*grad(layer2.weight[0,0])"),
    (16, "0.1033"),
    (16, "0.10"),
]


@pytest.mark.parametrize(("page", "text"), RIGHT)
def test_right(page, text):
    found = judged(page, text)
    assert found.right, plain(found.reason)


WRONG = [
    (2, "0", "It does grow"),
    (2, "0.01", "That is how much it grows."),
    (3, "0.1975", "The sign is turned."),
    (3, "-0.0988", "Half of it: but the ½ is used up"),
    (3, "0.0195", "That is the loss."),
    (3, "-0.395", "Twice as much. The ½ of half_mse cancels"),
    (7, "-0.0978", "You multiplied by the weight itself, 0.4950."),
    (7, "-0.1007", "That is the first weight"),
    (7, "-0.1975", "That is what came in."),
    (7, "0.5", "That is the local"),
    (7, "0.3025", "Added."),
    (7, "-0.395", "Divided."),
    (8, "-0.0988", "That is its weight's gradient"),
    (10, "-0.0978", "That is what came in. The sigmoid has a say, too: multiply by its slope, a·(1 - a)."),
    (10, "-0.0489", "You multiplied by a."),
    (10, "-0.0247", "That is unit 0, whose slope is 0.2499."),
    (10, "-0.777", "First the slope: 0.5 × (1 - 0.5)."),
    (14, "0.4496", "Minus a negative number is plus."),
    (14, "0.6007", "That step has η = 1."),
    (14, "0.0504", "That is by how much it changes."),
    (14, "0.50", "That is what it was before."),
    (16, "-0.1007", "That was for the target 0.7."),
    (16, "0.2066", "Twice as much."),
]


@pytest.mark.parametrize(("page", "text", "reason"), WRONG)
def test_wrong_and_named(page, text, reason):
    found = judged(page, text)
    assert not found.right
    assert found.counts
    assert plain(found.reason).startswith(reason)


AGAIN = [
    ("o.5", "'o.5' is not a number (0.5, or a formula)"),
    ("0,5", "a point, not a comma"),
    ("-0.02", "two digits at least"),
    ("", "a number, or a formula"),
    ("0.5.3", "'0.5.3' is not a number (0.5, or a formula)"),
    ("1e400", "that is inf (asked is a finite number)"),
    ("abc", "'abc': no node is called 'abc'"),
    ("12a", "'12a' is not a number (0.5, or a formula)"),
    ("grad(layer1.z[0,1])", "grad(layer1.z[0,1]) is what is asked (a formula of other numbers)"),
    ("grad(layer1.z)", "grad(layer1.z[0,1]) is what is asked (a formula of other numbers)"),
    ("2*layer1.z.grad[0,1]/2", "grad(layer1.z[0,1]) is what is asked (a formula of other numbers)"),
    ("x", "it is 2 numbers, (1,2) (one, as x[0,0])"),
    ("__import__('os')", None),
    ("().__class__", None),
    ("9**9**9**9", None),
    ("\x1b[31m1", None),
    ("x[0,7]", "'x[0,7]': index 7 is outside axis 1 (0 to 1)"),
]


@pytest.mark.parametrize(("text", "reason"), AGAIN)
def test_what_is_no_answer_is_typed_again_and_costs_nothing(text, reason):
    walked = Course(names.opened(find("4").path), 9)
    found = walked.answer(text)
    assert not found.right
    assert not found.counts
    assert reason is None or plain(found.reason) == reason
    assert plain(found.reason).isprintable()
    assert walked.asked.tries == []
    assert walked.answer("-0.0244").right
    assert walked.answers == {"your-turn-second-unit": "once"}


def test_another_element_of_the_asked_tensor_may_be_named():
    assert judged(10, "grad(layer1.z[0,0]) * 0.9904").right


def test_a_named_answer_that_is_nearer_wins_over_what_is_nearly_right():
    more = "- = 1.0015*loss : a thousandth more\n"
    assert plain(asked("loss", "0.01953", more=more).reason) == "a thousandth more"
    assert asked("loss", "0.01953").right
    assert asked("loss", "0.0195", more=more).right


def test_two_that_are_equal_here_are_both_left_out():
    more = "- = 2*loss : twice\n- = loss + loss : added\n"
    assert plain(asked("loss", "0.0390", more=more).reason) == "the hint"
    # upstream and sum: at 0.5 and 1 the local derivative and what was divided are one number
    assert plain(asked("grad(w)", "9", 'eval "a = w*w; L = 3*a" w=3 --train w').reason) != ""


def test_one_contribution_of_several():
    found = asked("grad(w)", "-18", "two-paths", body="::goto end\n")
    assert plain(found.reason) == "That is one contribution of 2: one is missing."
    found = asked("grad(w)", "4.0", 'eval "L = 2*w + 4*w + 7*w" w=3 --train w')
    assert plain(found.reason) == "That is one contribution of 3: 2 are missing."
    found = asked("grad(w)", "11", 'eval "L = 2*w + 4*w + 7*w" w=3 --train w')
    assert plain(found.reason) == "One contribution of 3 is missing."


def test_one_term_of_a_value_and_the_wrong_side_of_an_activation():
    assert plain(asked("layer1.z[0,0]", "0.010").reason).startswith("That is one term of ")
    assert plain(asked("layer1.z[0,0]", "0.030").reason).startswith("That is one term of ")
    assert plain(asked("layer1.a[0,0]", "0.040").reason) == "That is before the sigmoid: z, not a."
    assert plain(asked("layer1.z[0,0]", "0.510").reason) == "That is after the sigmoid: a, not z."


def test_a_product_that_was_added_or_divided():
    network = 'eval "u = x*w; L = u + 0*w" x=6 w=4'
    assert plain(asked("u", "10", network).reason) == "Added. The two are multiplied."
    assert plain(asked("u", "1.5", network).reason) == "Divided. The two are multiplied."


def test_mean_and_sum():
    assert plain(asked("grad(layer2.z[1,0])", "-0.0000001", "xor").reason) in ("the hint", "two digits at least")
    found = asked("loss", "3.467", "xor")
    assert plain(found.reason) == "4 times as much. mse is a mean: divided by 4."


def test_with_an_exponent():
    assert asked("new(layer1.weight[0,0]) - layer1.weight[0,0]", "6.17e-3").right


@given(st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-6), st.integers(2, 6))
def test_a_number_rounded_to_its_digits_is_right(number, digits):
    text = f"{number:.{digits - 1}e}"
    mantissa, _, power = text.partition("e")
    typed = Typed(float(text), digits, int(power) - len(mantissa.partition(".")[2]))
    assert typed.is_(number)
    assert not typed.is_(number * 1.6)


@given(st.text(max_size=40))
def test_any_text_is_judged(text):
    course = judge()
    found = course.judge(text)
    assert plain(found.reason).isprintable()
    assert found.counts or not found.right


def judge() -> Judge:
    walked = WALKED
    assert walked.asking is not None
    assert walked.question is not None
    return Judge(walked.asking, walked.question, walked.text)


WALKED = Course(names.opened(find("4").path), 9)


def test_a_very_small_gradient_is_not_0():
    network = 'eval "L = 0.000001*0.000001*w" w=3 --train w'
    assert not asked("grad(w)", "0", network).right
    assert asked("grad(w)", "1.0e-12", network).right
    assert asked("0.1 + 0.2 - 0.3", "0").right


def test_a_digit_that_is_exact_is_enough_in_float32_too():
    assert asked("x[0,0]", "0.5").right
    assert asked("0.1 + 1e-9", "0.1").right


def test_lines_end_as_they_like():
    source = HEAD.format("lesson-2-2-1") + "::ask choice\nQ\n- [x] a\n- [ ] b\n  > no\n\nSo.\n"
    plainly, windows = (reading.parse(text, Path("own.md")) for text in (source, source.replace("\n", "\r\n")))
    assert plainly == windows


def test_two_digits_that_are_another_number_are_that():
    network = 'eval "L = w*w" w=2 --train w --lr 0.005'
    assert asked("new(w)", "2.0", network).reason != ()
    assert plain(asked("new(w)", "2.0", network).reason).startswith("That is what it was before.")
    assert asked("new(w)", "1.98", network).right


def test_a_right_answer_is_right_as_it_is_shown():
    for network in ("mazur", "deep-sigmoid", "lesson-2-2-1", "chain", "xor"):
        walked = Course(reading.parse(f"{HEAD.format(network)}::ask number loss\nQ\n", Path("own.md")))
        assert walked.asking is not None
        for text, _ in list(walked.asking.all_numbers(most=8))[:12]:
            page = Course(reading.parse(f"{HEAD.format(network)}::ask number {text}\nQ\n", Path("own.md")))
            assert page.answer(plain(page.right)).right, (network, text, plain(page.right))
