/*
 * A policy as code: scheduling in the manner of Linux's perf core and its x86 driver. It gives what the preset
 * `emulated` gives, step for step, and is meant to be copied and changed.
 *
 *     cc -shared -fPIC -O2 -I Sources/CPolicy/include -o perf_like.so Tools/policies/perf_like.c
 *     vpmu replay --policy ./perf_like.so host.vpt
 *
 * From the outside in: operations; task switches and rotation; lists in and out in priority order; one group, all or
 * nothing; the list of events on a pCPU and where each goes; the solver.
 */
#include <stdlib.h>
#include <string.h>

#include "vpmu_policy.h"

#define PINNED 1u
#define FLEXIBLE 2u
#define BOTH (PINNED | FLEXIBLE)
#define NONE UINT32_MAX

struct list {
    uint32_t *items;
    size_t count, room;
};

static void append(struct list *list, uint32_t item)
{
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 8;
        list->items = realloc(list->items, list->room * sizeof *list->items);
        if (!list->items) abort();
    }
    list->items[list->count++] = item;
}

static size_t position_of(const struct list *list, uint32_t item)
{
    size_t at = 0;
    while (at < list->count && list->items[at] != item) at++;
    return at;
}

static void take_out(struct list *list, uint32_t item)
{
    size_t at = position_of(list, item);
    if (at == list->count) return;
    memmove(list->items + at, list->items + at + 1, (list->count - at - 1) * sizeof *list->items);
    list->count--;
}

struct event {
    struct vpmu_event_spec spec;
    struct list siblings;
    uint32_t context;
    int32_t state;
    int32_t counter; /* used last, -1 before the first use */
    int32_t last_pcpu;
    uint32_t last_tag;
    int attached, stopped;
};

/* A pCPU's events, or a task's: context p is pCPU p's, those of tasks follow. */
struct context {
    struct list pinned, flexible, pinned_active, flexible_active;
    int32_t task; /* -1 for a pCPU's */
    uint32_t attached;
    uint32_t active; /* lists that are in */
    int has_pmu, rotate;
};

struct pcpu {
    uint32_t task_context; /* scheduled in beside the pCPU's own */
    int32_t current;       /* the task that runs */
    uint32_t depth;        /* of nested sections */
    struct list list;      /* scheduled events in the order they were added */
    int32_t assigned[64];
    uint32_t tags[64];
    size_t added, transaction;
    int loaded;
};

struct policy {
    struct vpmu_pmu pmu;
    struct vpmu_host host;
    struct event *events;
    size_t event_count, event_room;
    struct context *contexts;
    size_t context_count, context_room;
    struct pcpu *pcpus;
};

/* The solver: greedy by rising weight, back only past overlapping events. */

struct walk {
    uint32_t weight;
    size_t event;
    uint32_t counter, placed;
    size_t left;
    uint64_t used;
};

struct request {
    uint64_t mask;
    uint32_t weight, kind;
};

static int try_counter(struct walk *walk, const struct request *request, uint32_t gpmax)
{
    uint64_t fixed = request->mask & ~walk->used & ~0xffffffffull;
    if (fixed) {
        walk->counter = (uint32_t)__builtin_ctzll(fixed);
        walk->used |= 1ull << walk->counter;
        return 1;
    }
    for (uint32_t counter = walk->counter; counter < 32; counter++) {
        uint64_t bits = 1ull << counter;
        if (!(request->mask & bits)) continue;
        if (request->kind == VPMU_PAIR) bits |= bits << 1;
        if (walk->used & bits) continue;
        if (walk->placed++ >= gpmax) return 0;
        walk->used |= bits;
        walk->counter = counter;
        return 1;
    }
    return 0;
}

/* Answers whether all `count` requests got a counter. */
static int place(const struct request *requests, size_t count, uint32_t gpmax, int32_t *counters)
{
    struct walk walk = {.weight = 64, .left = count}, saved[2];
    uint32_t heaviest = 0;
    size_t saves = 0;
    if (!count) return 1;
    for (size_t i = 0; i < count; i++) {
        if (requests[i].weight < walk.weight) walk.weight = requests[i].weight;
        if (requests[i].weight > heaviest) heaviest = requests[i].weight;
    }
    while (walk.event < count && requests[walk.event].weight != walk.weight) walk.event++;
    while (walk.event < count) {
        while (!try_counter(&walk, &requests[walk.event], gpmax)) {
            if (!saves) return 0;
            walk = saved[--saves];
            if (walk.counter >= 32) return 0;
            walk.used &= ~(1ull << walk.counter);
            walk.counter++;
        }
        if (requests[walk.event].kind == VPMU_OVERLAP && saves < 2) saved[saves++] = walk;
        counters[walk.event] = (int32_t)walk.counter;
        if (!--walk.left) return 1;
        do {
            if (++walk.event >= count) {
                walk.event = 0;
                if (++walk.weight > heaviest) return 0;
            }
        } while (requests[walk.event].weight != walk.weight);
        walk.counter = 0;
    }
    return 0;
}

/* Sections, and the list of events on a pCPU. */

static void say_state(struct policy *p, uint32_t event, int32_t state, int32_t pcpu)
{
    if (p->events[event].state == state) return;
    p->events[event].state = state;
    p->host.state(p->host.context, pcpu, event, state);
}

static void start_counter(struct policy *p, uint32_t event, uint32_t pcpu)
{
    if (p->events[event].counter < 0) return;
    p->events[event].stopped = 0;
    p->host.start(p->host.context, pcpu, event, (uint32_t)p->events[event].counter);
}

static void stop_counter(struct policy *p, uint32_t event, uint32_t pcpu)
{
    if (p->events[event].stopped || p->events[event].counter < 0) return;
    p->events[event].stopped = 1;
    p->host.stop(p->host.context, pcpu, event, (uint32_t)p->events[event].counter);
}

static void pmu_disable(struct policy *p, uint32_t pcpu)
{
    if (p->pcpus[pcpu].depth++) return;
    p->pcpus[pcpu].added = 0;
    p->host.section_begin(p->host.context, pcpu);
}

/* An event keeps its counter if nothing about its place changed: counter, pCPU and the tag of its list position. */
static int keeps_counter(const struct policy *p, uint32_t event, uint32_t pcpu, size_t position)
{
    const struct event *e = &p->events[event];
    const struct pcpu *c = &p->pcpus[pcpu];
    return e->counter == c->assigned[position] && e->last_pcpu == (int32_t)pcpu && e->last_tag == c->tags[position];
}

static void pmu_enable(struct policy *p, uint32_t pcpu)
{
    struct pcpu *c = &p->pcpus[pcpu];
    if (--c->depth) return;
    if (c->added) {
        size_t old = c->list.count - c->added;
        for (size_t i = 0; i < old; i++) {
            uint32_t event = c->list.items[i];
            if (p->events[event].counter >= 0 && !keeps_counter(p, event, pcpu, i)) stop_counter(p, event, pcpu);
        }
        for (size_t i = 0; i < c->list.count; i++) {
            uint32_t event = c->list.items[i];
            if (!keeps_counter(p, event, pcpu, i)) {
                p->events[event].counter = c->assigned[i];
                p->events[event].last_pcpu = (int32_t)pcpu;
                p->events[event].last_tag = ++c->tags[i];
            } else if (i < old) {
                continue;
            }
            start_counter(p, event, pcpu);
        }
        c->added = 0;
    }
    p->host.section_end(p->host.context, pcpu);
}

/* Everybody keeps the counter used last if that works for all; else all are placed anew. */
static int solve(struct policy *p, uint32_t pcpu)
{
    struct pcpu *c = &p->pcpus[pcpu];
    struct request requests[64];
    int32_t counters[64];
    uint64_t used = 0;
    uint32_t pairs = 0;
    size_t i;
    for (i = 0; i < c->list.count; i++) {
        const struct event *e = &p->events[c->list.items[i]];
        uint64_t bits;
        if (e->counter < 0 || !(e->spec.mask >> e->counter & 1)) break;
        bits = 1ull << e->counter;
        if (e->spec.kind == VPMU_PAIR) bits |= bits << 1;
        if (used & bits) break;
        used |= bits;
    }
    if (i == c->list.count) {
        for (i = 0; i < c->list.count; i++) c->assigned[i] = p->events[c->list.items[i]].counter;
        return 1;
    }
    for (i = 0; i < c->list.count; i++) {
        const struct vpmu_event_spec *spec = &p->events[c->list.items[i]].spec;
        requests[i] = (struct request){spec->mask, spec->weight, spec->kind};
        counters[i] = -1;
        pairs += spec->kind == VPMU_PAIR;
    }
    if (pairs > p->pmu.gpmax || !place(requests, c->list.count, p->pmu.gpmax - pairs, counters)) return 0;
    memcpy(c->assigned, counters, c->list.count * sizeof *counters);
    return 1;
}

static int add_to_list(struct policy *p, uint32_t event, uint32_t pcpu)
{
    struct pcpu *c = &p->pcpus[pcpu];
    if (c->list.count >= p->pmu.gp + p->pmu.fixed) return 0;
    c->assigned[c->list.count] = -1;
    append(&c->list, event);
    c->added++;
    c->transaction++;
    p->events[event].stopped = 1;
    return 1;
}

static void remove_from_list(struct policy *p, uint32_t event, uint32_t pcpu)
{
    struct pcpu *c = &p->pcpus[pcpu];
    size_t at;
    stop_counter(p, event, pcpu);
    at = position_of(&c->list, event);
    if (at == c->list.count) return;
    if (at >= c->list.count - c->added) c->added--;
    memmove(c->assigned + at, c->assigned + at + 1, (c->list.count - at - 1) * sizeof *c->assigned);
    take_out(&c->list, event);
}

/* One group, all or nothing. */

static int schedule_in(struct policy *p, uint32_t event, uint32_t pcpu)
{
    if (!p->events[event].attached || p->events[event].state <= VPMU_OFF) return 1;
    say_state(p, event, VPMU_ACTIVE, (int32_t)pcpu);
    if (add_to_list(p, event, pcpu)) return 1;
    say_state(p, event, VPMU_INACTIVE, (int32_t)pcpu);
    return 0;
}

static void undo(struct policy *p, uint32_t event, uint32_t pcpu)
{
    if (p->events[event].state == VPMU_ACTIVE) say_state(p, event, VPMU_INACTIVE, (int32_t)pcpu);
}

static int group_in(struct policy *p, uint32_t leader, uint32_t pcpu)
{
    struct pcpu *c = &p->pcpus[pcpu];
    const struct list *siblings = &p->events[leader].siblings;
    int fits = 0;
    pmu_disable(p, pcpu);
    c->transaction = 0;
    if (schedule_in(p, leader, pcpu)) {
        size_t entered = 0;
        while (entered < siblings->count && schedule_in(p, siblings->items[entered], pcpu)) entered++;
        fits = entered == siblings->count && solve(p, pcpu);
        if (!fits) {
            for (size_t i = 0; i < entered; i++) undo(p, siblings->items[i], pcpu);
            undo(p, leader, pcpu);
        }
    }
    if (!fits) {
        c->added -= c->transaction;
        c->list.count -= c->transaction;
    }
    pmu_enable(p, pcpu);
    return fits;
}

static void event_out(struct policy *p, uint32_t event, uint32_t pcpu)
{
    struct context *context = &p->contexts[p->events[event].context];
    if (p->events[event].state != VPMU_ACTIVE) return;
    if (p->events[event].spec.leader == event) {
        take_out(&context->pinned_active, event);
        take_out(&context->flexible_active, event);
    }
    pmu_disable(p, pcpu);
    remove_from_list(p, event, pcpu);
    say_state(p, event, VPMU_INACTIVE, (int32_t)pcpu);
    pmu_enable(p, pcpu);
}

static void group_out(struct policy *p, uint32_t leader, uint32_t pcpu)
{
    if (p->events[leader].state != VPMU_ACTIVE) return;
    event_out(p, leader, pcpu);
    for (size_t i = 0; i < p->events[leader].siblings.count; i++) {
        event_out(p, p->events[leader].siblings.items[i], pcpu);
    }
}

/* Lists in and out, in perf's order. */

/* After the first group that does not fit, no later one of the list is tried. */
static void groups_in(struct policy *p, uint32_t context, uint32_t list, uint32_t pcpu)
{
    struct context *c = &p->contexts[context];
    const struct list *leaders = list == PINNED ? &c->pinned : &c->flexible;
    int may_add = 1;
    if (p->pcpus[pcpu].loaded) return;
    for (size_t i = 0; i < leaders->count; i++) {
        uint32_t leader = leaders->items[i];
        if (p->events[leader].state != VPMU_INACTIVE) continue;
        if (may_add && group_in(p, leader, pcpu)) {
            append(list == PINNED ? &c->pinned_active : &c->flexible_active, leader);
            continue;
        }
        may_add = 0;
        if (list == PINNED) {
            say_state(p, leader, VPMU_ERROR, (int32_t)pcpu);
        } else {
            c->rotate = 1;
            p->host.timer_wanted(p->host.context, pcpu);
        }
    }
}

static void groups_of_list_out(struct policy *p, struct list *active, uint32_t pcpu)
{
    while (active->count) {
        size_t before = active->count;
        group_out(p, active->items[0], pcpu);
        if (active->count == before) take_out(active, active->items[0]);
    }
}

static void lists_out(struct policy *p, uint32_t context, uint32_t lists, uint32_t pcpu)
{
    struct context *c = &p->contexts[context];
    if (!lists) return;
    pmu_disable(p, pcpu);
    if (lists & PINNED) groups_of_list_out(p, &c->pinned_active, pcpu);
    if (lists & FLEXIBLE) {
        groups_of_list_out(p, &c->flexible_active, pcpu);
        c->rotate = 0;
    }
    pmu_enable(p, pcpu);
}

static void context_out(struct policy *p, uint32_t context, uint32_t lists, uint32_t pcpu)
{
    struct context *c = &p->contexts[context];
    uint32_t changed;
    if (!c->attached) return;
    changed = lists & c->active;
    c->active &= ~lists;
    if (c->task >= 0 && !c->active) p->pcpus[pcpu].task_context = NONE;
    if (c->has_pmu) lists_out(p, context, changed, pcpu);
}

static void context_in(struct policy *p, uint32_t context, uint32_t lists, uint32_t pcpu)
{
    struct context *c = &p->contexts[context];
    uint32_t changed;
    if (!c->attached) return;
    changed = lists & ~c->active;
    c->active |= lists;
    if (c->task >= 0) p->pcpus[pcpu].task_context = context;
    if (changed & PINNED) groups_in(p, context, PINNED, pcpu);
    if (changed & FLEXIBLE) groups_in(p, context, FLEXIBLE, pcpu);
}

static void contexts_in(struct policy *p, uint32_t task, uint32_t pcpu)
{
    context_in(p, pcpu, PINNED, pcpu);
    if (task != NONE) context_in(p, task, PINNED, pcpu);
    context_in(p, pcpu, FLEXIBLE, pcpu);
    if (task != NONE) context_in(p, task, FLEXIBLE, pcpu);
}

/* What a new or enabled event sets off. */
static void reschedule(struct policy *p, uint32_t event, uint32_t pcpu)
{
    uint32_t leader = p->events[event].spec.leader;
    int pinned = p->events[leader].spec.priority == VPMU_PINNED;
    int is_cpu_event = p->events[leader].context == pcpu;
    uint32_t lists = pinned ? BOTH : FLEXIBLE;
    uint32_t task = is_cpu_event ? p->pcpus[pcpu].task_context : p->events[event].context;
    int cpu_section = p->contexts[pcpu].has_pmu;
    int task_section = task != NONE && p->contexts[task].has_pmu;
    if (cpu_section) pmu_disable(p, pcpu);
    if (task_section) pmu_disable(p, pcpu);
    if (task != NONE && p->pcpus[pcpu].task_context == task) context_out(p, task, lists, pcpu);
    if (is_cpu_event) {
        context_out(p, pcpu, lists, pcpu);
    } else if (pinned) {
        context_out(p, pcpu, FLEXIBLE, pcpu);
    }
    contexts_in(p, task, pcpu);
    if (task_section) pmu_enable(p, pcpu);
    if (cpu_section) pmu_enable(p, pcpu);
}

/* Where a context is scheduled in, and where its owner is current; -1 for nowhere. */

static int32_t where_in(const struct policy *p, uint32_t context)
{
    if (p->contexts[context].task < 0) return (int32_t)context;
    for (uint32_t i = 0; i < p->pmu.pcpus; i++) {
        if (p->pcpus[i].task_context == context) return (int32_t)i;
    }
    return -1;
}

static int32_t where_current(const struct policy *p, uint32_t context)
{
    if (p->contexts[context].task < 0) return (int32_t)context;
    for (uint32_t i = 0; i < p->pmu.pcpus; i++) {
        if (p->pcpus[i].current == p->contexts[context].task) return (int32_t)i;
    }
    return -1;
}

/* Operations. */

static uint32_t new_context(struct policy *p, int32_t task)
{
    if (p->context_count == p->context_room) {
        p->context_room = 2 * p->context_room + 16;
        p->contexts = realloc(p->contexts, p->context_room * sizeof *p->contexts);
        if (!p->contexts) abort();
    }
    p->contexts[p->context_count] = (struct context){.task = task};
    return (uint32_t)p->context_count++;
}

static void *create(const struct vpmu_pmu *pmu, const struct vpmu_host *host)
{
    struct policy *p = calloc(1, sizeof *p);
    if (!p || pmu->gp + pmu->fixed > 64) return NULL;
    p->pmu = *pmu;
    p->host = *host;
    p->pcpus = calloc(pmu->pcpus, sizeof *p->pcpus);
    if (!p->pcpus) return NULL;
    for (uint32_t i = 0; i < pmu->pcpus; i++) {
        p->pcpus[i].task_context = NONE;
        p->pcpus[i].current = -1;
        new_context(p, -1);
    }
    return p;
}

static void add_task(void *self, uint32_t task) { new_context(self, (int32_t)task); }

static void create_event(void *self, uint32_t event, const struct vpmu_event_spec *spec)
{
    struct policy *p = self;
    if (p->event_count == p->event_room) {
        p->event_room = 2 * p->event_room + 64;
        p->events = realloc(p->events, p->event_room * sizeof *p->events);
        if (!p->events) abort();
    }
    p->event_count = event + 1u;
    p->events[event] = (struct event){
        .spec = *spec,
        .context = spec->task < 0 ? (uint32_t)spec->pcpu : p->pmu.pcpus + (uint32_t)spec->task,
        .state = VPMU_OFF,
        .counter = -1,
        .last_pcpu = -1,
        .stopped = 1,
    };
    p->contexts[p->events[event].context].has_pmu = 1;
    if (spec->leader != event) append(&p->events[spec->leader].siblings, event);
}

static void attach(struct policy *p, uint32_t event, int32_t state)
{
    struct event *e = &p->events[event];
    struct context *context = &p->contexts[e->context];
    int leads = e->spec.leader == event;
    int off = leads ? state <= VPMU_OFF : state <= VPMU_OFF || p->events[e->spec.leader].state <= VPMU_OFF;
    int32_t pcpu = off && context->attached ? -1 : where_current(p, e->context);
    e->attached = 1;
    context->attached++;
    if (leads) append(e->spec.priority == VPMU_PINNED ? &context->pinned : &context->flexible, event);
    say_state(p, event, state, where_in(p, e->context));
    if (pcpu >= 0) reschedule(p, event, (uint32_t)pcpu);
}

static void enable(void *self, uint32_t event)
{
    struct policy *p = self;
    uint32_t context = p->events[event].context, leader = p->events[event].spec.leader;
    int32_t state = p->events[event].state, pcpu = where_in(p, context);
    if (state != VPMU_OFF && state != VPMU_ERROR) return;
    say_state(p, event, VPMU_INACTIVE, pcpu);
    if (!p->contexts[context].active || pcpu < 0) return;
    if (leader != event && p->events[leader].state != VPMU_ACTIVE) return;
    reschedule(p, event, (uint32_t)pcpu);
}

static void install(void *self, uint32_t leader)
{
    struct policy *p = self;
    if (!p->events[leader].siblings.count) {
        attach(p, leader, VPMU_INACTIVE);
        return;
    }
    attach(p, leader, VPMU_OFF);
    for (size_t i = 0; i < p->events[leader].siblings.count; i++) {
        attach(p, p->events[leader].siblings.items[i], VPMU_INACTIVE);
    }
    enable(p, leader);
}

static void disable(void *self, uint32_t event)
{
    struct policy *p = self;
    int32_t pcpu = where_in(p, p->events[event].context);
    if (p->events[event].state < VPMU_INACTIVE) return;
    if (pcpu < 0) {
        say_state(p, event, VPMU_OFF, -1);
        return;
    }
    pmu_disable(p, (uint32_t)pcpu);
    if (p->events[event].spec.leader == event) {
        group_out(p, event, (uint32_t)pcpu);
    } else {
        event_out(p, event, (uint32_t)pcpu);
    }
    say_state(p, event, VPMU_OFF, pcpu);
    pmu_enable(p, (uint32_t)pcpu);
}

static void detach(struct policy *p, uint32_t event)
{
    struct context *context = &p->contexts[p->events[event].context];
    int32_t pcpu = where_in(p, p->events[event].context);
    if (!p->events[event].attached) return;
    if (pcpu >= 0) event_out(p, event, (uint32_t)pcpu);
    say_state(p, event, VPMU_EXITED, pcpu);
    p->events[event].attached = 0;
    take_out(&context->pinned, event);
    take_out(&context->flexible, event);
    if (--context->attached) return;
    context->rotate = 0;
    context->active = 0;
    if (context->task >= 0 && pcpu >= 0) p->pcpus[pcpu].task_context = NONE;
}

static void remove_group(void *self, uint32_t leader)
{
    struct policy *p = self;
    for (size_t i = 0; i < p->events[leader].siblings.count; i++) detach(p, p->events[leader].siblings.items[i]);
    detach(p, leader);
}

static void set_period(void *self, uint32_t event, uint64_t period)
{
    struct policy *p = self;
    int32_t pcpu = where_in(p, p->events[event].context);
    if (p->events[event].state != VPMU_ACTIVE || pcpu < 0) {
        p->host.period(p->host.context, event, period);
        return;
    }
    pmu_disable(p, (uint32_t)pcpu);
    stop_counter(p, event, (uint32_t)pcpu);
    p->host.period(p->host.context, event, period);
    start_counter(p, event, (uint32_t)pcpu);
    pmu_enable(p, (uint32_t)pcpu);
}

static void read_event(void *self, uint32_t event)
{
    struct policy *p = self;
    int32_t pcpu = where_in(p, p->events[event].context);
    if (p->events[event].state != VPMU_ACTIVE || pcpu < 0) return;
    p->host.read(p->host.context, (uint32_t)pcpu, event, (uint32_t)p->events[event].counter);
}

static void task_out(struct policy *p, uint32_t pcpu)
{
    uint32_t context = p->pmu.pcpus + (uint32_t)p->pcpus[pcpu].current;
    int section = p->contexts[context].has_pmu;
    if (section) pmu_disable(p, pcpu);
    if (p->pcpus[pcpu].task_context == context) context_out(p, context, BOTH, pcpu);
    if (section) pmu_enable(p, pcpu);
}

/* A task with pinned events makes the pCPU's flexible ones give way first. */
static void task_in(struct policy *p, uint32_t pcpu)
{
    uint32_t context = p->pmu.pcpus + (uint32_t)p->pcpus[pcpu].current;
    int section = p->contexts[context].has_pmu, pinned = p->contexts[context].pinned.count > 0;
    int cpu_section = pinned && p->contexts[pcpu].has_pmu;
    if (!p->contexts[context].attached) return;
    if (section) pmu_disable(p, pcpu);
    if (cpu_section) pmu_disable(p, pcpu);
    if (pinned) context_out(p, pcpu, FLEXIBLE, pcpu);
    contexts_in(p, context, pcpu);
    if (cpu_section) pmu_enable(p, pcpu);
    if (section) pmu_enable(p, pcpu);
}

static void switch_task(void *self, uint32_t pcpu, int32_t task)
{
    struct policy *p = self;
    if (p->pcpus[pcpu].current >= 0) task_out(p, pcpu);
    p->pcpus[pcpu].current = task;
    if (task >= 0) task_in(p, pcpu);
}

static uint32_t group_to_rotate(struct context *c)
{
    c->rotate = 0;
    if (c->flexible_active.count) return c->flexible_active.items[0];
    return c->flexible.count ? c->flexible.items[0] : NONE;
}

static void move_to_tail(struct context *c, uint32_t leader)
{
    take_out(&c->flexible, leader);
    append(&c->flexible, leader);
}

static uint32_t rotate_necessary(void *self, uint32_t pcpu)
{
    const struct policy *p = self;
    uint32_t task = p->pcpus[pcpu].task_context;
    return (p->contexts[pcpu].rotate ? 1u : 0u) | (task != NONE && p->contexts[task].rotate ? 2u : 0u);
}

static int rotate(void *self, uint32_t pcpu)
{
    struct policy *p = self;
    uint32_t task = p->pcpus[pcpu].task_context, needed = rotate_necessary(p, pcpu);
    uint32_t task_group = NONE, cpu_group = NONE;
    int task_gives;
    if (!needed) return 0;
    pmu_disable(p, pcpu);
    if (needed & 2u) task_group = group_to_rotate(&p->contexts[task]);
    if (needed & 1u) cpu_group = group_to_rotate(&p->contexts[pcpu]);
    task_gives = task != NONE && (task_group != NONE || cpu_group != NONE);
    if (task_gives) lists_out(p, task, FLEXIBLE, pcpu);
    if (cpu_group != NONE) {
        lists_out(p, pcpu, FLEXIBLE, pcpu);
        move_to_tail(&p->contexts[pcpu], cpu_group);
        groups_in(p, pcpu, FLEXIBLE, pcpu);
    }
    if (task_group != NONE) move_to_tail(&p->contexts[task], task_group);
    if (task_gives) groups_in(p, task, FLEXIBLE, pcpu);
    pmu_enable(p, pcpu);
    return 1;
}

/* Whether the pCPU or its current task ever had an event; where neither did, a guest finds nothing to stop. */
static int has_pmu(const struct policy *p, uint32_t pcpu)
{
    uint32_t task = p->pcpus[pcpu].task_context;
    return p->contexts[pcpu].has_pmu || (task != NONE && p->contexts[task].has_pmu);
}

static void load_guest(void *self, uint32_t pcpu, uint32_t vcpu)
{
    struct policy *p = self;
    uint32_t task = p->pcpus[pcpu].task_context;
    (void)vcpu;
    if (has_pmu(p, pcpu)) {
        pmu_disable(p, pcpu);
        lists_out(p, pcpu, BOTH, pcpu);
        if (task != NONE) lists_out(p, task, BOTH, pcpu);
        pmu_enable(p, pcpu);
    }
    p->pcpus[pcpu].loaded = 1;
}

static void put_guest(void *self, uint32_t pcpu)
{
    struct policy *p = self;
    uint32_t task = p->pcpus[pcpu].task_context;
    p->pcpus[pcpu].loaded = 0;
    if (!has_pmu(p, pcpu)) return;
    pmu_disable(p, pcpu);
    groups_in(p, pcpu, PINNED, pcpu);
    if (task != NONE) groups_in(p, task, PINNED, pcpu);
    groups_in(p, pcpu, FLEXIBLE, pcpu);
    if (task != NONE) groups_in(p, task, FLEXIBLE, pcpu);
    pmu_enable(p, pcpu);
}

static const struct vpmu_policy table = {
    .abi = VPMU_POLICY_ABI,
    .size = sizeof(struct vpmu_policy),
    .name = "perf-like",
    .create = create,
    .add_task = add_task,
    .create_event = create_event,
    .install = install,
    .enable = enable,
    .disable = disable,
    .remove = remove_group,
    .set_period = set_period,
    .read = read_event,
    .switch_task = switch_task,
    .rotate = rotate,
    .load_guest = load_guest,
    .put_guest = put_guest,
    .rotate_necessary = rotate_necessary,
};

const struct vpmu_policy *vpmu_policy_entry(void) { return &table; }
