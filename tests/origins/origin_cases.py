"""Code that decides something, each in two versions, for the tests of origins."""

#: Name, and code that defines ``thing``; with ``@`` where the second version is another (``@@``: a decorator).
_TEXT = """
## body
def thing(x):
    return x + @
## lambda
thing = lambda x: x * @
## default
def thing(x, step=@):
    return x + step
## keyword default
def thing(x, *, step=@):
    return x + step
## closure
def outer(k):
    def thing(x):
        return x + k
    return thing
thing = outer(@)
## global
STEP = @
def thing(x):
    return x + STEP
## global table
STEPS = {'a': [1, (2, @)]}
def thing(x):
    return STEPS['a']
## global array
import numpy as np
STEPS = np.array([1.0, @])
def thing(x):
    return STEPS
## global set
STEPS = {'b', 'a', 'c@'}
def thing(x):
    return x in STEPS
## constant set
def thing(x):
    return x in {'b', 'a', 'c@'}
## helper
def help(x):
    return x + @
def thing(x):
    return help(x)
## helper's helper
def deep(x):
    return x + @
def help(x):
    return deep(x)
thing = lambda x: help(x)
## inner function
def help(x):
    return x + @
def thing(x):
    return [help(y) for y in x]
## cached helper
import functools
@@functools.lru_cache
def help(x):
    return x + @
def thing(x):
    return help(x)
## partial
import functools
def f(x, k):
    return x + k
thing = functools.partial(f, k=@)
## partial of another
import functools
def f(x, k):
    return x + k * @
thing = functools.partial(f, k=1)
## callable
class F:
    def __init__(self, k):
        self.k = k
    def __call__(self, x):
        return x + self.k
thing = F(@)
## callable's code
class F:
    def __call__(self, x):
        return x + @
thing = F()
## bound method
class F:
    k = @
    def f(self, x):
        return x + self.k
thing = F().f
## decorated
import functools
def deco(f):
    @@functools.wraps(f)
    def wrapper(x):
        return f(x) + @
    return wrapper
@@deco
def thing(x):
    return x
## below a decorator
import functools
def deco(f):
    @@functools.wraps(f)
    def wrapper(x):
        return f(x)
    return wrapper
@@deco
def thing(x):
    return x + @
## method
class thing:
    def f(self):
        return @
## attribute
class thing:
    k = @
## base
class Base:
    def f(self):
        return @
class thing(Base):
    pass
## base of a base
class Top:
    k = @
class Base(Top):
    pass
class thing(Base):
    pass
## property
class thing:
    @@property
    def f(self):
        return @
## setter
class thing:
    @@property
    def f(self):
        return 0
    @@f.setter
    def f(self, x):
        self.k = x + @
## deleter
class thing:
    @@property
    def f(self):
        return 0
    @@f.deleter
    def f(self):
        self.k = @
## static
class thing:
    @@staticmethod
    def f():
        return @
## class method
class thing:
    @@classmethod
    def f(cls):
        return @
## cached property
import functools
class thing:
    @@functools.cached_property
    def f(self):
        return @
## dataclass
import dataclasses
@@dataclasses.dataclass
class thing:
    k: int = @
## enum
import enum
class K(enum.Enum):
    A = @
def thing(x):
    return K.A
## made by type()
thing = type('Mine', (), {'f': lambda self: @})
## metaclass
class Meta(type):
    def f(cls):
        return @
class thing(metaclass=Meta):
    pass
## slots
class F:
    __slots__ = ('k',)
f = F()
f.k = @
def thing(x):
    return f.k
## object
class F:
    pass
f = F()
f.k = [@]
def thing(x):
    return f.k
## compiled
import numba
@@numba.njit
def help(x):
    return x + @
def thing(x):
    return help(x)
## random state
import numpy as np
rng = np.random.default_rng(@)
def thing(x):
    return rng.random()
## pattern
import re
P = re.compile('a@')
def thing(x):
    return P.match(x)
## order of a table
T = dict([('a', 1), ('b', 2)][::1 if @ == 1 else -1])
def thing(x):
    return list(T)
## sign of zero
K = 0.0 * (1 if @ == 1 else -1)
def thing(x):
    return K
## exception handler
def thing(x):
    try:
        return x()
    except ValueError:
        return @
## attribute of a function
def thing(x):
    return thing.k
thing.k = @
## class that claims to be installed
class Help:
    __module__ = 'numpy'
    def f(self):
        return @
def thing(x):
    return Help
## name looked up in globals()
K = @
def thing(x):
    return globals()['K']
## evaluated text
K = @
def thing(x):
    return eval(x + '+ K')
## what copies of an object are made of
class F:
    def __init__(self, k):
        self.k = k
    def __reduce__(self):
        return F, (0,)
f = F(@)
def thing(x):
    return f.k
## what copies of an object leave out
class F:
    __slots__ = ('k',)
    def __getstate__(self):
        return {}
f = F()
f.k = @
def thing(x):
    return f.k
## object that copies by its name
class F:
    def __init__(self, k):
        self.k = k
    def __reduce__(self):
        return 'f'
f = F(@)
def thing(x):
    return f.k
## class of an object that copies by its name
class F:
    k = @
    def __reduce__(self):
        return 'f'
f = F()
def thing(x):
    return f.k
## subclass that nothing names
class Base:
    def all(self):
        return Base.__subclasses__()
class Sub(Base):
    k = @
def thing(x, base=Base):
    return base().all()
## tensor
import torch
T = torch.tensor([1.0, @])
def thing(x):
    return T
## loop that holds itself
L = [@]
L.append(L)
def thing(x):
    return L
"""
_PARTS = [part.partition("\n") for part in _TEXT.split("## ")[1:]]
CASES = {name.strip(): code for name, _, code in _PARTS}
