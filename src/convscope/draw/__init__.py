"""Pictures of values, steps and traces: numpy and Pillow only; matplotlib is for :func:`figure` alone."""

from convscope.draw.blend import overlay as overlay
from convscope.draw.colors import colormap as colormap
from convscope.draw.filters import kernels as kernels
from convscope.draw.paper import figure as figure
from convscope.draw.png import save_png as save_png
from convscope.draw.sheet import contact as contact
from convscope.draw.step import step_picture as step_picture
from convscope.draw.tiles import grid as grid
from convscope.draw.variants import rows as rows
from convscope.draw.wording import describe as describe
