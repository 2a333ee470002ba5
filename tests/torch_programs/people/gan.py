"""A GAN of convolutions in a tutorial's style: two models, two optimizers, three backward passes a step."""

import torch
from torch import nn, optim

torch.manual_seed(0)
torch.set_num_threads(1)


class Generator(nn.Module):
    def __init__(self, nz=8, ngf=4):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self, ndf=4):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.main(x)


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


net_g, net_d = Generator(), Discriminator()
net_g.apply(weights_init)
net_d.apply(weights_init)
criterion = nn.BCELoss()
optimizer_d = optim.Adam(net_d.parameters(), lr=2e-4, betas=(0.5, 0.999))
optimizer_g = optim.Adam(net_g.parameters(), lr=2e-4, betas=(0.5, 0.999))
data = torch.rand(48, 1, 8, 8) * 2 - 1
for i in range(3):
    net_d.zero_grad()
    real = data[i * 16 : (i + 1) * 16]
    label = torch.full((real.size(0),), 1.0)
    loss_real = criterion(net_d(real).view(-1), label)
    loss_real.backward()
    fake = net_g(torch.randn(real.size(0), 8, 1, 1))
    label.fill_(0.0)
    loss_fake = criterion(net_d(fake.detach()).view(-1), label)
    loss_fake.backward()
    optimizer_d.step()
    net_g.zero_grad()
    label.fill_(1.0)
    loss = criterion(net_d(fake).view(-1), label)
    loss.backward()
    optimizer_g.step()
