"""Stops on the screen, with keys alone: when did this unit die, and who wrote the number that killed it."""

from __future__ import annotations

from tests.screens.rig import debug


async def test_when_did_this_unit_die_with_keys_alone() -> None:
    async with debug("xor", 80, 24) as screen:
        await screen.press("g")
        await screen.type("step 999 end")
        await screen.press("enter")
        await screen.press("W")
        await screen.type("any(layer1.a[:,3] > 0)")
        await screen.press("enter", "C")
        await screen.derived()
        assert "step 14" in screen.rows[0]
        assert "forward 2/4" in screen.rows[0]
        assert "watch 1: any(layer1.a[:,3] > 0) was true, is false" in screen.rows[-1]
        await screen.press("percent_sign")
        assert "backward 4/5" in screen.rows[0]
        await screen.press("percent_sign")
        assert "forward 2/4" in screen.rows[0]
        await screen.run("select layer1.bias[3]")
        await screen.press("L")
        assert "step 13" in screen.rows[0]
        assert "update 2/4" in screen.rows[0]
        assert "layer1.bias[3] was -0.427937, is -0.435821" in screen.rows[-1]
        await screen.press("L")
        assert "step 12" in screen.rows[0]
        assert "layer1.bias[3] was -0.419836, is -0.427937" in screen.rows[-1]
