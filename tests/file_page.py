"""docs/network-file.md, made from the rows: `python -m tests.file_page > docs/network-file.md`; a test compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bptui.model.base import documents, syntax
from bptui.model.base.schema import Key
from bptui.model.engine import arrays, build
from bptui.model.engine.ops.base import Attribute
from bptui.model.engine.optimizers import OPTIMIZERS
from bptui.model.engine.own_rule import FUNCTIONS
from bptui.model.engine.schedules import REQUIRED, SCHEDULES
from bptui.model.source import assemble, convert, csv_table, custom_ops, datasets, formula, network, tables
from bptui.model.source.initializers import INITIALIZERS
from bptui.model.source.layers import KINDS, activations, loss_kinds, penalty
from bptui.model.source.weights import files

HEAD = """\
# Network files

Made from the rows of `bptui/model/source/network.py`, `tables.py` and `bptui/model/source/layers/` by
`python -m tests.file_page > docs/network-file.md`; a test compares.

A network is a TOML file, or JSON with the same keys in a file named `*.json`. Nothing in it is ever executed. Whatever
is wrong is told in one line with file, key, what was found and what was expected; unknown keys are errors.

```toml
seed = 1
[data]
dataset = "moons"
batch_size = 20
[[layers]]
kind = "dense"
units = 8
activation = "tanh"
[[layers]]
kind = "dense"
units = 2
[loss]
kind = "cross_entropy"
[optimizer]
kind = "adam"
learning_rate = 0.05
```

Names: inputs are `x`, targets `y`; layers are `layer1`, `layer2`, … or their key `name`; a layer's parts are
`layer1.weight` (in, out), `layer1.bias`, `layer1.z` (x @ W + b, one operation), `layer1.a` (after the activation; none
where it is linear). `prediction` is the last layer's result, `loss` the loss.
"""

CSV = """\
A CSV file as people have it: a header or none, `,` `;` `|`, tabs or spaces between its columns, lines of comment that
begin with `#`, classes by name. As in

    file = "iris.csv"
    target_columns = ["species"]        # or [0], [-1]: counted from 0, from the end -1; or 2: the last two
    skip_columns = ["id"]
    missing = "skip"                    # rows in which a cell that is read is empty, ?, NA or nan; else told by line
    classes = ["setosa", "versicolor", "virginica"]     # 0, 1, 2; without it, as they sort
    decimal = ","                       # 1,5 is a number

`predictions` calls classes by their names. How a file was read is said by `info network`: its columns, the number of
each class, rows that were left out. So is a given weight that is square, or was given as (out, in):
`weight_layout = "out_in"` beside `name` takes PyTorch's.
"""

WEIGHTS = """\
## Weights from files

`weights = "model.safetensors"` beside `name`, or `--weights FILE` for a network file or an example in the shell, takes
the numbers of all layers from a PyTorch `state_dict`, as safetensors, NPZ or JSON
(`{"0.weight": [[…]], "0.bias": […]}`):

    safetensors.torch.save_file(model.state_dict(), "model.safetensors")
    numpy.savez("model.npz", **{name: value.numpy() for name, value in model.state_dict().items()})
    numpy.savez("model.npz", **{v.path: numpy.array(v) for v in model.weights})          # Keras

- What stands before the last dot of a name is a module. Where each layer has a module of its name (`name = "fc1"`
  takes `fc1.weight` or `net.fc1.weight`), it takes that one. Else modules go to layers in their order, each to the
  first that it fits, those inside of `net.enc` to the layers of one that is called `enc`. `info network` says which
  went where.
- Parts are called as in PyTorch: `weight`, `bias`, `running_mean`, `running_var`, `weight_ih_l0`,
  `weight_hh_l0_reverse`, `in_proj_weight`, `out_proj.bias`; or as in Keras: `kernel`, `gamma`, `beta`, `moving_mean`,
  `recurrent_kernel`, `embeddings`. Keras' order of axes, gates and, behind a flatten of images, of inputs is turned.
- Dense weights lie as (out, in), as PyTorch has them, unless `weight_layout = "in_out"` is said; a `kernel` is
  (in, out).
- All must fit: what is missing, left over or of another shape is told with what would be right.
- `.pt`, `.pth`, `.h5` and the like are never opened, since opening one can run a program.

In the debugger `write model.safetensors` (or `.npz`) writes the weights of the moment under these names: PyTorch's
`load_state_dict` takes them where its modules are called as the layers are.
"""

PENALTY = """\
Penalties on weights are operations of the loss: `data_loss`, then for each weight `layer1.weight.sq`, its sum
and `layer1.weight.l2`, their sum `penalty`, and `loss`. There is no ½: the gradient of `l2` is 2·l2·w. The
`weight_decay` of an
optimizer adds its weight_decay·w in the update, and is no part of the loss.
"""

CONVERT = """\
## Models of Keras and PyTorch

`bptui convert FILE` prints a network file that says the same, ready to run on drawn inputs of the right shape; `--to
net.toml` writes it. The file is one of these; it is parsed, never imported or run:

    open("model.json", "w").write(model.to_json())          # Keras
    print(model, file=open("model.txt", "w"))               # PyTorch
    bptui convert train.py [MODEL]                          # a program, or a notebook, that defines a model

Of a PyTorch class the layers are those that its `forward` goes through, one after the other, with functions such as
`F.relu` and `x.view(…)`, and sums `x + f(x)`, which are residual blocks; where it does more, `bptui capture` takes a
step of the program as it is. A decoder, and attention to another sequence, read what the program gives them; where
`forward` has two inputs, they are one here, the positions of the first before those of the second. Without
`batch_first=True` PyTorch has positions first; here samples are, and `transpose(0, 1)` does nothing.
Loss and optimizer are taken from the program, or from `compile_config`. A layer without counterpart stands in the file
as `# MISSING: …`, and the exit code is 1. Weights: the next section. Keras has images with the channels last, bptui
first: (samples, channels, height, width); sequences are (samples, positions, features) in both, and where a
convolution or a pool goes along one, layers of the kind `permute` turn it.
"""

SCHEDULES_SAID = """\
**Schedules**, by PyTorch's numbers: `schedule = {kind = "step", step_size = 30}`, or a table `[optimizer.schedule]`; a
word alone where every setting has a default. PyTorch's class names are taken, too (`kind = "StepLR"`). The schedule is
stepped once after each training step, a plateau with the loss of that step. The card of an update says how its rate
came about; `lr` in expressions is this step's rate. `set lr = 0.05` holds that rate from there on, without the
schedule; `set learning_rate = 0.05` sets what the schedule starts from.
"""

TOGETHER_SAID = """\
**lbfgs** takes one step of all parameters together: it looks at the loss up to `max_eval` times within a training step,
each time from other parameters, on the same batch, with the same dropout masks; running statistics move once, by the
pass that the step shows (PyTorch's closure moves them each time). `max_eval` is 5/4 of `max_iter` where it is not said.
Its card has the evaluations, the numbers of the two-loop recursion and why it ended; `evaluation 3` steps through the
forward pass, loss and backward pass of one, in a branch. It takes no groups but frozen ones, and does not clip.
"""

GROUPS = """\
**Groups**: parameters with settings of their own, by name or pattern. What is not said in a group is as in
`[optimizer]`; `kind` gives them another rule. A frozen group stays as it is, and its gradients do not count in
`clip_norm`. Each parameter is in one group at most.

    [[optimizer.groups]]
    parameters = ["layer1.*"]
    learning_rate = 0.001
    [[optimizer.groups]]
    parameters = ["layer2.bias", "layer3.bias"]
    weight_decay = 0
    [[optimizer.groups]]
    parameters = ["layer9.weight"]
    frozen = true

**A rule of your own** in the place of a kind: what each name becomes, one after the other as they are written, `update`
(the parameter) last; a name means what it became last, so that `m` in `update` is the new one.

    [optimizer]
    learning_rate = 0.1
    update = "p - lr*m"
    states = ["m"]                # carried from step to step, 0 at first
    d = "grad + 0.01*p"           # a name of your own, before what reads it
    m = "beta*m + d"
    beta = 0.9                    # a number: set optimizer.beta = 0.5 changes it

"""
OWN = """\
Names: `p`, `grad` (clipped where the optimizer clips), `lr`, `t` (the number of the update, from 1), states, numbers,
names before. Signs and functions: `+ - * / **`, `a if x > 0 else b`, {functions}. A formula is read, never executed;
`check` evaluates it by itself. Schedules, groups and clipping go with it.
"""

FORMULA = """\
## Formulas

```toml
formula = \"\"\"
z = x @ W + b
L = mse(sigmoid(z), y)
\"\"\"
train = ["W", "b"]
[values]
x = [[0, 1], [1, 0]]
y = [[1], [0]]
W = {shape = [2, 1], init = "he_uniform"}     # or numbers
b = [0]
```

`formula` stands in the place of `layers` and `loss`. Statements are `name = expression`, one per line or separated by
`;`; the last one is the loss, a single number. There are numbers, names, `+ - * / ** @`, unary minus, `x.T`,
`x[1:, None, ::2]`, `x[labels]`, `x[[0, 2], [1, 1]]`, conditions (`x > 0 and not y == 2`, `0 < x < 1`), `inf`,
`a, b = split(x, 2)`, and every operation of [operations.md](operations.md) by its name, settings as keywords.
Every given float has a gradient; the names in `train` are updated. Values that stand for labels or positions are whole
numbers. With `[data]`, its inputs are `x` and its targets `y`, without gradients. Unnamed parts are `t1`, `t2`, …

An operation of your own is `[ops.swoosh]` with a `definition`, or `swoosh = op("y = …")` in a formula; see
[definitions.md](definitions.md).

### Derivatives in the loss

`d(u, x)` is the derivative of u by x, inside of a formula (`bptui.d(u, x)` in Python): what the loss of a differential
equation, or a gradient penalty, is made of.

```
ux = d(u, x); uxx = d(ux, x)                                # u' and u"
L = mean((uxx + u)**2)                                      # what is left of u" = -u
penalty = mean((norm(d(sum(D), x), axis=-1) - 1)**2)        # a critic whose slope is to be 1
mixed = d(d(u, x), t)
```

It has the shape of x, and each of its elements is the derivative of the sum of u: PyTorch's
`torch.autograd.grad(u.sum(), x, create_graph=True)`. Where the samples of u do not mix, as rows of `x @ W` do not,
that is each sample's own derivative; of u with several columns it is that of their sum: write `d(u[:, 0], x)` for one
of them. x may be given, trained or computed.

The backward pass of u becomes a part of the graph: its operations stand in the list under the name of the derivative,
called by what they are, which is also what one types: `d_h` is the derivative of u by h (all of its name: `ux.d_h`;
`dv_dh` where another derivative has a `d_h` already), `W_T` a matrix turned, `h_sub` the sub in the rule of h. Each
is stepped, has its definition and derived rule, and is checked like any other; the backward pass of the loss goes
through them, and so makes the second derivatives. Those operations come from the rules themselves: the NumPy that the
engine runs, call by call; a rule that is not made of such calls (a convolution's) is derived by SymPy, and stands
there as one operation, `correlate2d_by_x`. The second derivative of a kink is 0 (relu), and of what chooses (max,
pooling) the chosen element's. What has no such rule is refused by name: what SymPy does not derive in its time, as
multilabel_margin, and embeddings that are held to a norm. `bptui run spring` is an example.
"""


def _brief(value: Any) -> str:
    """A default of a schedule: 1/3 as such."""
    return "1/3" if value == 1 / 3 else shown(value)


def shown(value: Any) -> str:
    """A default as TOML has it."""
    if value is None or value == "" or value in ((), {}):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        return f'"{value[0]}"'
    return f'"{value}"' if isinstance(value, str) else str(list(value) if isinstance(value, tuple) else value)


def table(keys: Mapping[str, Key]) -> Iterator[str]:
    """A table of keys."""
    yield "| key | default | |"
    yield "|---|---|---|"
    for name, key in keys.items():
        yield f"| `{name}` | {'required' if key.required else shown(key.default)} | {key.doc} |"


def with_settings(name: str, settings: Mapping[str, Key | Attribute]) -> str:
    """`normal` (mean = 0.0, std = 0.01)."""
    bare = {key for key, item in settings.items() if item.required or not shown(item.default)}
    told = ", ".join(key if key in bare else f"{key} = {shown(item.default)}" for key, item in settings.items())
    return f"`{name}`" + (f" ({told})" if told else "")


def page() -> str:
    """docs/network-file.md."""
    lines = [HEAD, "## Keys", "", *table(network.TOP), "", "## [data]", "", *table(tables.DATA), "", CSV]
    lines += [
        "## [[layers]]",
        "",
        "Each has a `kind`, a `name` where it is given one, and an `input` where it does not read",
    ]
    lines += ["the layer before it: the name of an earlier layer, or `x`. Kinds and their keys:", ""]
    lines += [
        "Where some numbers of a layer are given, the others are not drawn: a bias that is not given is 0, a weight is",
        "refused by name, unless `init` (of biases `bias_init`) says how it is drawn.",
        "",
    ]
    lines += [f"- {with_settings(name, row.keys)}: {row.doc}" for name, row in KINDS.items()]
    told: dict[str, Key] = {}
    for name, key in (item for row in KINDS.values() for item in row.keys.items()):
        if key.doc:
            told.setdefault(name, key)
    lines += ["", "| key | |", "|---|---|", *(f"| `{name}` | {key.doc} |" for name, key in told.items()), ""]
    lines += ["**Activations**: " + ", ".join(f"`{name}`" for name in activations()) + ".", ""]
    drawn = ", ".join(with_settings(name, row.parameters) for name, row in INITIALIZERS.items())
    lines += [f'**Initial values**: {drawn}. With parameters: `init = {{kind = "normal", std = 0.1}}`.', ""]
    lines += ["## [loss]", "", "`kind` is one of:", ""]
    for name, row in loss_kinds().items():
        weights = " and ".join(f"`{weight} = [1, 1, 5]`" for weight in row.input_names[2:])
        also = f" Also: {weights}." if weights else ""
        lines.append(f"- {with_settings(name, row.attributes)}: {row.doc}{also}")
    lines += ["", *table(penalty.NETWORK), "", PENALTY]
    lines += ["## [optimizer]", ""]
    lines += ["`kind` (default sgd), `learning_rate` (default 0.01, of lbfgs 1), `clip_norm`, `clip_value`, and:", ""]
    for name, rule in OPTIMIZERS.items():
        options = ", ".join(
            option if value is None else f"{option} = {shown(value)}" for option, value in rule.options.items()
        )
        lines.append(f"- `{name}`" + (f" ({options})" if options else "") + f": {rule.doc}")
    lines += ["", TOGETHER_SAID, SCHEDULES_SAID]
    for name, schedule in SCHEDULES.items():
        settings = ", ".join(
            option if value is REQUIRED else f"{option} = {_brief(value)}"
            for option, value in schedule.settings.items()
        )
        lines.append(f"- `{name}` ({settings}): {schedule.doc}")
    lines += ["", GROUPS, OWN.format(functions=", ".join(f"`{name}`" for name in FUNCTIONS))]
    lines += [CONVERT, WEIGHTS, FORMULA, "## Limits", ""]
    lines += [
        f"- a network file: {network.MAX_FILE:,} bytes, {assemble.MAX_LAYERS:,} layers",
        f"- a data file: {datasets.MAX_FILE:,} bytes, a CSV file {datasets.MAX_CSV:,} bytes and"
        f" {csv_table.MAX_COLUMNS:,} columns; drawn: {datasets.MAX_SAMPLES:,} samples",
        f"- a file of weights: {datasets.MAX_FILE:,} bytes and {files.MAX_TENSORS:,} tensors, NPZ"
        f" {datasets.MAX_ARRAYS:,}, JSON {files.MAX_TEXT:,} characters; a model that is converted:"
        f" {convert.MAX_FILE:,} bytes",
        f"- operations of your own: {custom_ops.MAX_OPERATIONS}, each {custom_ops.MAX_DEFINITION:,} characters",
        f"- a key: {documents.MAX_PARTS} parts with dots between them, {documents.MAX_WORD} characters, as a number;"
        f" lists and tables: {documents.MAX_DEPTH} in each other",
        f"- a formula: {syntax.LIMITS.characters:,} characters, {syntax.MAX_DEPTH} nested brackets",
        f"- a name: {formula.MAX_NAME} characters",
        f"- one tensor: {arrays.MAX_ELEMENTS:,} numbers; all values of a step: {build.MAX_TOTAL:,}",
        "",
        'Given numbers that are not trained may be `"inf"` and `"-inf"` in formulas and masks; all others are finite. '
        "NaN and inf that arise in training are values like any other.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
