"""Words that somebody types by habit, from gdb, pdb, PyTorch and Keras, and what does the same here. A word that is a
command here is not looked for."""

from __future__ import annotations

from collections.abc import Mapping

_ROWS = (
    # gdb, rr, pdb
    ("bt backtrace frame w", "why tells where a number comes from; info says where we are"),
    ("run r start starti", "the step is recorded: step, next, continue go through it; train goes on to the next"),
    ("up down u d", "select NODE, or the arrows in a panel"),
    ("list l ll disassemble", "view shows the operations; info network lists the layers"),
    ("locals args a registers variables", "print NAME; info network lists the layers"),
    ("inspect output pp call eval printf examine", "print EXPR"),
    ("whatis ptype type dtype", "print NAME.shape; help OPERATION says what it computes"),
    ("var variable assign", "set NAME[i,j] = VALUE"),
    ("tb thbreak hbreak bp", "tbreak stops once, break always"),
    ("rwatch awatch", "watch EXPR stops where it changes"),
    ("cl clear", "delete N; info breakpoints lists them"),
    ("checkpoint restart rerun", "mark NAME, and jump NAME comes back; goto start"),
    ("kill bye", "quit"),
    ("open load file", "q leaves for home or the shell: o there, or bptui run FILE"),
    ("reset reload", "undo, until no edit is left; goto start"),
    ("home lessons examples menu", "q leaves; bptui alone opens home"),
    ("keys shortcuts commands_list panels", "help, or the key ?"),
    ("cls redraw refresh", "ctrl+l draws the screen again"),
    ("dark light colors colours", "theme NAME"),
    ("commands macro alias document", "define NAME makes a word of several lines"),
    ("rsi reverse-stepi rstep", "reverse-step"),
    ("shell ! interact python py", "nothing is executed; write FILE takes numbers out"),
    ("return ret r", "finish"),
    ("cont", "continue"),
    ("j", "goto NODE; jump NAME comes back to a mark"),
    ("h man", "help"),
    ("apropos", "search TEXT, or the palette with ctrl+p"),
    ("history", "back and forward, or the keys ( and )"),
    # PyTorch
    ("backward", "goto backward, or f: every training step has its backward phase"),
    ("zero_grad", "nothing to do: gradients start at 0 in every training step"),
    ("optimizer optim", "goto update is its phase; set lr and set optimizer.… change it"),
    ("grad autograd", "print NAME.grad; why NAME[i,j] tells what it is made of"),
    ("gradcheck gradgradcheck allclose", "every moment is checked; claim FORMULA; bptui check --against FILE"),
    ("retain_grad requires_grad requires_grad_ no_grad detach", "every gradient is kept: print NAME.grad"),
    ("item numpy cpu cuda tolist", "print NAME; copy json and write FILE take numbers out"),
    ("register_hook register_forward_hook register_backward_hook hook", "break NODE if EXPR; display EXPR"),
    ("set_detect_anomaly detect_anomaly isnan anomaly", "x goes to where NaN or inf arises"),
    ("parameters named_parameters state_dict modules children", "info network; print layer1.weight"),
    ("make_dot torchviz torchinfo tensorboard", "view; panel 5 has the loss over the training steps"),
    ("clip_grad_norm_ clip_grad_value_", "set optimizer.clip_norm = 1.0"),
    # Keras, TensorFlow
    ("summary describe plot_model", "info network, and panel 1"),
    ("fit train_on_batch epoch epochs", "train N goes on by so many training steps"),
    ("compile", "set lr = 0.05; set optimizer.kind = adam"),
    ("predict evaluate", "print prediction; print loss"),
    ("get_weights weights kernel", "print layer1.weight"),
    ("set_weights load_weights", "set layer1.weight[0,0] = 0.5"),
    ("gradienttape gradient gradients", "print NAME.grad; goto backward"),
    ("save save_weights dump", "write FILE; copy"),
)
HABITS: Mapping[str, str] = {word: here for words, here in reversed(_ROWS) for word in words.split()}


def called_here(word: str) -> str:
    """What does here what this word does elsewhere: `bt`, `loss.backward()`, `model.summary`; "" where nothing does."""
    plain = word.strip().rstrip("()").casefold()
    return HABITS.get(plain, "") or HABITS.get(plain.rpartition(".")[2], "")
