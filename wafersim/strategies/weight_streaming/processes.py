"""The reference engine: SimPy processes that read a weight-streaming plan, in integer ticks.

    MemoryX sender -> SwarmX broadcast, level by level -> system ingress -> wafer -> system egress
        -> SwarmX reduce, level by level -> MemoryX accumulate -> optimizer -> MemoryX sender of the next step

Every process loops over the plan's order for ever; the run is stopped from outside, after as many steps as it takes for
the state to repeat. A delay after a link's service (a hop, MemoryX's latency, a credit's return) is written into the
arrival time and waited for by the receiver, so that it occupies nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import count

import simpy

from wafersim.strategies.servers import ArrivalOrderLink, Arrivals, Link, Process, TickClock
from wafersim.strategies.weight_streaming.plan import INPUT_SLOTS, Kernel, WeightStreamingPlan
from wafersim.timeline.timeline import KIND, PASS, Timeline

Row = tuple[int, ...]


class Reference:
    """One simulation of a plan, or of several jobs that share MemoryX's memory and ports with systems of their own.

    `run_step()` advances it until a job has ended its next step and returns that step's timeline.
    """

    def __init__(self, *plans: WeightStreamingPlan) -> None:
        self.env = TickClock()
        memoryx = [ArrivalOrderLink(self.env, index) for index in range(3)]
        self._jobs = []
        links = len(memoryx)
        for number, plan in enumerate(plans):
            self._jobs.append(_Job(self.env, plan, number, memoryx, links))
            links += 2 * plan.systems
        self._steps = [0] * len(plans)

    def run_step(self, job: int = 0) -> Timeline:
        """Simulate until the job's optimizer has ended its next step; the timeline of that step."""
        step = self._steps[job]
        done = self._jobs[job].step_done[step]
        if not done.processed:
            self.env.run(until=done)
        self._steps[job] += 1
        return Timeline.from_rows(self._jobs[job].rows.pop(step))


class _Job:
    """The processes of one plan. `number` tells its requests at a shared link from those of other jobs."""

    def __init__(
        self, env: TickClock, plan: WeightStreamingPlan, number: int, memoryx: list[ArrivalOrderLink], links: int
    ) -> None:
        self.plan, self.env = plan, env
        self.rows: dict[int, list[Row]] = defaultdict(list)
        self.step_done: dict[int, simpy.Event] = defaultdict(env.event)
        self._rank = number
        tree, systems = plan.tree, range(plan.systems)
        self._shared_memory = "memory" in plan.arrival_order
        self._offloads_activations = "ingress" in plan.arrival_order
        self._memory = memoryx[0] if self._shared_memory else Link(env)
        ports: list[Link] = [*memoryx[1:]] if "ports" in plan.arrival_order else [Link(env), Link(env)]
        self._port_down, self._port_up = ports

        def system_link(index: int) -> Link:
            return ArrivalOrderLink(env, links + index) if self._offloads_activations else Link(env)

        self._in_link = [system_link(2 * system) for system in systems]
        self._out_link = [system_link(2 * system + 1) for system in systems]
        self._credits = Arrivals(env, plan.weight_credits)
        self._uses: dict[tuple[int, int, int, int], int] = {}
        self._drain_credits = [Arrivals(env, plan.drain_credits) for _ in systems]
        self._offload_slots = [Arrivals(env, plan.activation_slots) for _ in systems]
        self._fetch_slots = [Arrivals(env, plan.activation_slots) for _ in systems]
        self._offloads = [Arrivals(env) for _ in systems]
        self._offloaded: list[dict[tuple[int, int, int], simpy.Event]] = [defaultdict(env.event) for _ in systems]
        self._fetched = [Arrivals(env) for _ in systems]
        self._inputs = [Arrivals(env) for _ in systems]
        self._input_slots = [Arrivals(env, INPUT_SLOTS) for _ in systems]
        # Chunks on their way down and up, by the node or system that receives them.
        levels = range(tree.depth)
        self._to_port = Arrivals(env)
        self._to_node = [[Arrivals(env) for _ in range(tree.nodes[level])] for level in levels]
        self._to_system = [Arrivals(env) for _ in systems]
        self._links_in = [Arrivals(env) for _ in systems]
        self._up_from_node = [[Arrivals(env) for _ in range(tree.nodes[level])] for level in levels]
        self._up_from_system = [Arrivals(env) for _ in systems]
        self._to_egress = [Arrivals(env) for _ in systems]
        self._to_memoryx = Arrivals(env)
        self._gradients = [Arrivals(env) for _ in plan.updates]
        self._all_gradients = Arrivals(env)
        self._reduced = Arrivals(env)
        self._current = [defaultdict[int, simpy.Event](env.event) for _ in plan.updates]
        for process in self._processes():
            env.process(process)

    def _processes(self) -> Iterator[Process]:
        tree = self.plan.tree
        if self._shared_memory:
            yield self._memoryx_reader()
        yield self._memoryx_sender()
        for level in range(1, tree.depth):
            for node in range(tree.nodes[level]):
                yield self._broadcast_link(level, node)
        for system in range(self.plan.systems):
            yield self._ingress_link(system)
            yield self._wafer(system)
            yield self._egress_link(system)
            yield self._input_worker(system)
            if any(kernel.offloads for kernel in self.plan.kernels):
                yield self._offload_activations(system)
                yield self._fetch_activations(system)
        for level, nodes in enumerate(tree.nodes):
            for node in range(nodes):
                yield self._reduce_node(level, node)
        yield self._memoryx_accumulate()
        yield self._reduction_tail()
        yield self._optimizer()

    def _record(
        self, step: int, kind: str, level: int, entity: int, kernel: Kernel, micro_batch: int, chunk: int, start: int
    ) -> None:
        self.rows[step].append(
            (step, KIND[kind], level, entity, PASS[kernel.pass_], micro_batch, kernel.layer, chunk, start, self.env.now)
        )

    def _micro_batches(self) -> Iterator[tuple[int, int]]:
        """(step, micro-batch), for ever."""
        for step in count():
            for micro_batch in range(self.plan.micro_batches):
                yield step, micro_batch

    def _streamed(self) -> Iterator[tuple[int, int, int, Kernel, int]]:
        """(step, micro-batch, kernel index, kernel, chunk) in the order in which weights go down."""
        return self._chunks([(i, k) for i, k in enumerate(self.plan.kernels) if k.streams])

    def _drained(self) -> Iterator[tuple[int, int, int, Kernel, int]]:
        """The same in the order in which gradients come up."""
        return self._chunks([(i, k) for i, k in enumerate(self.plan.kernels) if k.drains])

    def _chunks(self, kernels: list[tuple[int, Kernel]]) -> Iterator[tuple[int, int, int, Kernel, int]]:
        if not kernels:
            return
        for step, micro_batch in self._micro_batches():
            for index, kernel in kernels:
                for chunk in range(self.plan.layers[kernel.layer].chunks):
                    yield step, micro_batch, index, kernel, chunk

    # The way down.

    def _memoryx_reader(self) -> Process:
        """Read chunks from a memory that accumulate and update use too, for the port to send."""
        plan = self.plan
        for step, micro_batch, _, kernel, chunk in self._streamed():
            yield from self._permission_to_send(step, kernel)
            start = yield from self._memory.serve(plan.layers[kernel.layer].read_ticks[chunk], 3 * self._rank)
            self._record(step, "read", 0, 0, kernel, micro_batch, chunk, start)
            self._to_port.deliver(self.env.now)

    def _memoryx_sender(self) -> Process:
        plan = self.plan
        for step, micro_batch, _, kernel, chunk in self._streamed():
            if self._shared_memory:
                yield from self._to_port.take()
            else:
                yield from self._permission_to_send(step, kernel)
            start = yield from self._port_down.serve(plan.layers[kernel.layer].send_ticks[chunk], self._rank)
            self._record(step, "stream", 0, 0, kernel, micro_batch, chunk, start)
            self._multicast(0, 0, self.env.now + plan.latencies.memoryx)

    def _permission_to_send(self, step: int, kernel: Kernel) -> Process:
        """The weights are current, and there is a credit."""
        unit = self.plan.update_of(kernel.layer)
        if step > 0 and unit is not None:
            current = self._current[unit][step - 1]
            if not current.processed:
                yield current
        yield from self._credits.take()

    def _multicast(self, level: int, node: int, at: int) -> None:
        """A chunk is at a node: hand it to the link of every child."""
        last = level + 1 == self.plan.tree.depth
        for child in self.plan.tree.children(level, node):
            (self._links_in[child] if last else self._to_node[level + 1][child]).deliver(at)

    def _broadcast_link(self, level: int, node: int) -> Process:
        env, plan = self.env, self.plan
        for step, micro_batch, _, kernel, chunk in self._streamed():
            yield from self._to_node[level][node].take()
            start = env.now
            yield env.timeout(plan.link(level, node, plan.layers[kernel.layer].down_ticks[chunk]))
            self._record(step, "broadcast", level, node, kernel, micro_batch, chunk, start)
            self._multicast(level, node, env.now + plan.latencies.hop)

    def _ingress_link(self, system: int) -> Process:
        plan, depth = self.plan, self.plan.tree.depth
        for step, micro_batch, _, kernel, chunk in self._streamed():
            yield from self._links_in[system].take()
            ticks = plan.link(depth, system, plan.layers[kernel.layer].ingress_ticks[chunk])
            start = yield from self._in_link[system].serve(ticks, rank=0)
            self._record(step, "ingress", depth, system, kernel, micro_batch, chunk, start)
            self._to_system[system].deliver(self.env.now + plan.latencies.hop)

    # On the wafer.

    def _wafer(self, system: int) -> Process:
        env, plan = self.env, self.plan
        holder: dict[int, int] = {}  # layer -> the kernel whose stream its held chunks came with
        for step, micro_batch in self._micro_batches():
            for index, kernel in enumerate(plan.kernels):
                if index == 0 and plan.input_ticks[plan.size_of[system][micro_batch]]:
                    yield from self._inputs[system].take()
                if kernel.streams:
                    holder[kernel.layer] = index
                if kernel.fetches:
                    yield from self._fetched[system].take()
                if kernel.offloads:
                    yield from self._offload_slots[system].take()
                for chunk, ticks in enumerate(plan.slices(system, micro_batch, index, step)):
                    if kernel.streams:
                        yield from self._to_system[system].take()
                    if kernel.drains:
                        yield from self._drain_credits[system].take()
                    start = env.now
                    yield env.timeout(ticks)
                    self._record(step, "compute", 0, system, kernel, micro_batch, chunk, start)
                    if kernel.frees:
                        self._free_weights(step, micro_batch, holder[kernel.layer], chunk)
                    if kernel.drains:
                        self._to_egress[system].deliver(env.now)
                if kernel.offloads:
                    self._offloads[system].deliver(env.now)
                if kernel.releases_fetch:
                    self._fetch_slots[system].deliver(env.now)
            if plan.input_ticks[plan.size_of[system][micro_batch]]:
                self._input_slots[system].deliver(env.now)

    def _free_weights(self, step: int, micro_batch: int, kernel: int, chunk: int) -> None:
        """A system has used a chunk; the slowest one's use sends the credit back."""
        key = (step, micro_batch, kernel, chunk)
        uses = self._uses.pop(key, 0) + 1
        if uses == self.plan.systems:
            self._credits.deliver(self.env.now + self.plan.latencies.credit_return)
        else:
            self._uses[key] = uses

    def _input_worker(self, system: int) -> Process:
        env, plan = self.env, self.plan
        for step, micro_batch in self._micro_batches():
            ticks = plan.input_ticks[plan.size_of[system][micro_batch]]
            if not ticks:
                return
            yield from self._input_slots[system].take()
            start = env.now
            yield env.timeout(ticks)
            self._record(step, "input", 0, system, plan.kernels[0], micro_batch, 0, start)
            self._inputs[system].deliver(env.now)

    def _offload_activations(self, system: int) -> Process:
        plan = self.plan
        for step, micro_batch in self._micro_batches():
            ticks = plan.fetch_ticks[plan.size_of[system][micro_batch]]
            for kernel in (k for k in plan.kernels if k.offloads):
                yield from self._offloads[system].take()
                for piece in range(kernel.offloads):
                    start = yield from self._out_link[system].serve(ticks[piece], rank=1)
                    self._record(step, "offload", 0, system, kernel, micro_batch, piece, start)
                self._offloaded[system][step, micro_batch, kernel.layer].succeed()
                self._offload_slots[system].deliver(self.env.now)

    def _fetch_activations(self, system: int) -> Process:
        plan = self.plan
        for step, micro_batch in self._micro_batches():
            ticks = plan.fetch_ticks[plan.size_of[system][micro_batch]]
            for kernel in (k for k in plan.kernels if k.fetches):
                key = (step, micro_batch, kernel.layer)
                offloaded = self._offloaded[system][key]
                if not offloaded.processed:
                    yield offloaded
                del self._offloaded[system][key]
                yield from self._fetch_slots[system].take()
                for piece in range(kernel.fetches):
                    start = yield from self._in_link[system].serve(ticks[piece], rank=1)
                    self._record(step, "fetch", 0, system, kernel, micro_batch, piece, start)
                self._fetched[system].deliver(self.env.now)

    # The way up.

    def _egress_link(self, system: int) -> Process:
        plan, depth = self.plan, self.plan.tree.depth
        for step, micro_batch, _, kernel, chunk in self._drained():
            yield from self._to_egress[system].take()
            ticks = plan.link(depth, system, plan.layers[kernel.layer].egress_ticks[chunk])
            start = yield from self._out_link[system].serve(ticks, rank=0)
            self._record(step, "egress", depth, system, kernel, micro_batch, chunk, start)
            self._up_from_system[system].deliver(self.env.now + plan.latencies.hop)

    def _reduce_node(self, level: int, node: int) -> Process:
        """Sum a chunk of all children at line rate and send the sum up."""
        env, plan, tree = self.env, self.plan, self.plan.tree
        below = self._up_from_system if level + 1 == tree.depth else self._up_from_node[level + 1]
        for step, micro_batch, _, kernel, chunk in self._drained():
            for child in tree.children(level, node):
                yield from below[child].take()
            layer = plan.layers[kernel.layer]
            if level:
                start = env.now
                yield env.timeout(plan.link(level, node, layer.up_ticks[chunk]))
                self._up_from_node[level][node].deliver(env.now + plan.latencies.hop)
            else:
                start = yield from self._port_up.serve(layer.root_ticks[chunk], self._rank)
                self._to_memoryx.deliver(env.now + plan.latencies.memoryx)
            self._record(step, "reduce", level, node, kernel, micro_batch, chunk, start)

    def _memoryx_accumulate(self) -> Process:
        env, plan = self.env, self.plan
        last_of_layer = {k.layer: i for i, k in enumerate(plan.kernels) if k.drains}
        final = max(last_of_layer.values())
        for step, micro_batch, index, kernel, chunk in self._drained():
            yield from self._to_memoryx.take()
            layer = plan.layers[kernel.layer]
            start = yield from self._memory.serve(layer.accumulate_ticks[chunk], 3 * self._rank + 1)
            self._record(step, "accumulate", 0, 0, kernel, micro_batch, chunk, start)
            for credits in self._drain_credits:
                credits.deliver(env.now + plan.latencies.credit_return)
            if micro_batch + 1 == plan.micro_batches and chunk + 1 == layer.chunks:
                if index == final:
                    self._all_gradients.deliver(env.now)
                else:
                    self._gradients[plan.unit_of(kernel.layer)].deliver(env.now)

    def _reduction_tail(self) -> Process:
        """The last gradient of a step is worth nothing before the reduction over all systems has ended."""
        env, plan = self.env, self.plan
        final = [kernel.layer for kernel in plan.kernels if kernel.drains][-1]
        for step in count():
            yield from self._all_gradients.take()
            if plan.reduction_tail:
                start = env.now
                yield env.timeout(plan.reduction_tail)
                self.rows[step].append((step, KIND["tail"], 0, 0, PASS["update"], 0, 0, 0, start, env.now))
            self._gradients[plan.unit_of(final)].deliver(env.now)
            self._reduced.deliver(env.now)

    def _optimizer(self) -> Process:
        env, plan = self.env, self.plan
        for step in count():
            if plan.clipping_barrier:
                yield from self._reduced.take()
            for index, unit in enumerate(plan.updates):
                for _ in unit.layers:
                    yield from self._gradients[index].take()
                start = yield from self._memory.serve(unit.ticks, 3 * self._rank + 2)
                self.rows[step].append((step, KIND["update"], 0, 0, PASS["update"], 0, index, 0, start, env.now))
                self._current[index][step].succeed()
                self._current[index].pop(step - 1, None)
            self.step_done[step].succeed()
