# SPDX-License-Identifier: Apache-2.0
"""And-inverter graphs of Yosys (write_aiger -zinit), read, joined and written for abc."""


class Graph:
    """Nodes are numbered; a literal is 2 * node, odd when inverted; literal 0 is false, 1 is true."""

    def __init__(self):
        self.nodes = [("false",)]  # ("input",), ("latch", next) or ("and", a, b)
        self.strash = {}
        self.bad, self.constraints = [], []

    def input(self):
        self.nodes.append(("input",))
        return 2 * len(self.nodes) - 2

    def latch(self):
        """A register that starts at 0; `set_next` comes later."""
        self.nodes.append(["latch", 0])
        return 2 * len(self.nodes) - 2

    def set_next(self, latch, literal):
        self.nodes[latch >> 1][1] = literal

    def land(self, a, b):
        if a > b:
            a, b = b, a
        if a == 0 or a ^ b == 1:
            return 0
        if a == 1 or a == b:
            return b
        if (a, b) not in self.strash:
            self.nodes.append(("and", a, b))
            self.strash[a, b] = 2 * len(self.nodes) - 2
        return self.strash[a, b]

    def lor(self, a, b):
        return self.land(a ^ 1, b ^ 1) ^ 1

    def lxor(self, a, b):
        return self.lor(self.land(a, b ^ 1), self.land(a ^ 1, b))

    def any(self, literals):
        result = 0
        for literal in literals:
            result = self.lor(result, literal)
        return result

    def write(self, path):
        """The part that the bad states and constraints need, as a binary AIGER file; False when no state can be bad."""
        needed, stack = set(), [literal >> 1 for literal in self.bad + self.constraints]
        while stack:
            node = stack.pop()
            if node in needed or node == 0:
                continue
            needed.add(node)
            stack += [literal >> 1 for literal in self.nodes[node][1:]]
        order = sorted(needed)
        kinds = {kind: [n for n in order if self.nodes[n][0] == kind] for kind in ("input", "latch", "and")}
        number = {0: 0}
        for node in kinds["input"] + kinds["latch"] + kinds["and"]:
            number[node] = len(number)

        def literal(old):
            return 2 * number[old >> 1] + (old & 1)
        out = bytearray()
        sizes = [len(kinds[k]) for k in ("input", "latch")]
        out += (f"aig {len(number) - 1} {sizes[0]} {sizes[1]} 0 {len(kinds['and'])} {len(self.bad)} "
                f"{len(self.constraints)}\n").encode()
        for node in kinds["latch"]:
            out += f"{literal(self.nodes[node][1])}\n".encode()
        for old in self.bad + self.constraints:
            out += f"{literal(old)}\n".encode()
        for node in kinds["and"]:
            low, high = sorted(literal(old) for old in self.nodes[node][1:])
            for delta in (2 * number[node] - high, high - low):
                while delta >= 128:
                    out.append(delta & 127 | 128)
                    delta >>= 7
                out.append(delta)
        path.write_bytes(out)
        return any(self.bad)


class Netlist:
    """A graph as Yosys wrote it, to be copied into a Graph."""

    def __init__(self, path, map_path):
        data = path.read_bytes()
        at = data.index(b"\n")
        head = [int(x) for x in data[:at].split()[1:]] + [0, 0]
        self.count, inputs, latches, outputs, ands, bad, constraints = head[:7]
        at += 1

        def lines(n):
            nonlocal at
            result = []
            for _ in range(n):
                end = data.index(b"\n", at)
                result.append(int(data[at:end].split()[0]))
                at = end + 1
            return result
        self.next = lines(latches)
        self.outputs, self.bad, self.constraints = lines(outputs), lines(bad), lines(constraints)
        self.inputs = inputs
        self.ands = []

        def delta():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value
        for k in range(ands):
            mine = 2 * (inputs + latches + k + 1)
            high = mine - delta()
            self.ands.append((high, high - delta()))
        # name -> number of each bit
        self.input_bits, self.output_bits = {}, {}
        for line in map_path.read_text().splitlines():
            kind, index, bit, name = line.split(maxsplit=3)
            if kind in ("input", "output"):
                place = self.input_bits if kind == "input" else self.output_bits
                place.setdefault(name.lstrip("\\"), {})[int(bit)] = int(index)

    def number(self, name, value):
        """Inputs that give a bus a value."""
        return {index: value >> bit & 1 for bit, index in self.input_bits.get(name, {}).items()}

    def copy(self, graph, inputs, registers=None):
        """Copies into `graph` with these literals as inputs; a function from literals here to literals there.
        With `registers` their next values are the caller's business."""
        table = [0] * (self.count + 1)
        for k in range(self.inputs):
            table[k + 1] = inputs[k]
        given = registers is not None
        registers = registers or [graph.latch() for _ in self.next]
        table[self.inputs + 1:self.inputs + 1 + len(registers)] = registers

        def literal(old):
            return table[old >> 1] ^ (old & 1)
        for k, (a, b) in enumerate(self.ands):
            table[self.inputs + len(self.next) + k + 1] = graph.land(literal(a), literal(b))
        if not given:
            for register, old in zip(registers, self.next):
                graph.set_next(register, literal(old))
        return literal

    def pair(self, make):
        """Two copies on different inputs, with common registers as far as these have the same next value, gate by gate,
        while all common ones are the same. `make` gives a new graph and both lists of inputs."""
        apart = set()
        while True:
            graph, inputs = make()
            common = [None if k in apart else graph.latch() for k in range(len(self.next))]
            registers = [[common[k] or graph.latch() for k in range(len(self.next))] for _ in range(2)]
            literals = [self.copy(graph, i, r) for i, r in zip(inputs, registers)]
            more = [k for k in range(len(self.next)) if k not in apart and literals[0](self.next[k]) != literals[1](self.next[k])]
            if not more:
                break
            apart.update(more)
        for mine, literal in zip(registers, literals):
            for register, old in zip(mine, self.next):
                graph.set_next(register, literal(old))
        return graph, literals, inputs

    def output(self, literal, name):
        bits = self.output_bits[name]
        return [literal(self.outputs[bits[bit]]) for bit in sorted(bits)]
