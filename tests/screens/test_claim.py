"""A claim in the debugger: judged while the screen stays awake, said when it is known."""

from __future__ import annotations

from tests.screens.rig import debug


async def test_a_claim_about_the_selected_number_is_answered_on_the_screen() -> None:
    async with debug("xor") as screen:
        await screen.run("select layer2.weight[0,0]")
        await screen.run("claim sum(layer1.a[:,0]*(prediction[:,0] - y[:,0]))/2")
        assert "✓ layer2.weight[0,0]" in screen.text
        await screen.run("claim 0.5")
        assert "claim 0.5, gradient -0.751409788" in screen.text
        assert "≠ layer2.weight[0,0] = 0.5  refuted" in screen.text
        await screen.press("escape")
        await screen.run("claim __import__('os')")
        assert "claim 1:" in screen.text or "nothing is called" in screen.text
        assert screen.session.stop == 0
