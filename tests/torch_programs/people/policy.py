"""An actor and a critic: one state at a time, rewards to come, the loss of a whole episode."""

import torch
from torch import nn
from torch.distributions import Categorical
from torch.nn import functional as F

torch.manual_seed(2)
torch.set_num_threads(1)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 16)
        self.action_head = nn.Linear(16, 2)
        self.value_head = nn.Linear(16, 1)
        self.saved_actions = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.affine1(x))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


model = Policy()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)


def select_action(state):
    probs, value = model(state)
    m = Categorical(probs)
    action = m.sample()
    model.saved_actions.append((m.log_prob(action), value))
    return action.item()


def finish_episode():
    total, returns, policy_losses, value_losses = 0.0, [], [], []
    for reward in model.rewards[::-1]:
        total = reward + 0.99 * total
        returns.insert(0, total)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + 1e-6)
    for (log_prob, value), reward in zip(model.saved_actions, returns, strict=True):
        policy_losses.append(-log_prob * (reward - value.item()))
        value_losses.append(F.smooth_l1_loss(value, torch.tensor([reward])))
    optimizer.zero_grad()
    loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
    loss.backward()
    optimizer.step()
    del model.rewards[:], model.saved_actions[:]


for _ in range(3):
    state = torch.randn(4)
    for _ in range(5):
        action = select_action(state)
        state = state * 0.9 + 0.1 * (action * 2 - 1) + 0.1 * torch.randn(4)
        model.rewards.append(1.0 if state.norm() < 2 else -1.0)
    finish_episode()
