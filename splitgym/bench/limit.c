/* A step of SplitInference-v0 in plain C: how fast could it be?
 *
 * Written from the specification, not from the compiled Python: double precision, tasks side by side in lanes, a
 * finished lane takes the next task.  `splitgym bench --only limit` compiles it, checks that bits, energies, rewards
 * and slots are those of the package to 1e-9, and only then takes the time.  It serves the task, charges energy, skips
 * missed tasks and pays the reward; it draws no tasks and shows no observation.  It knows Gaussian fading that moves.
 *
 * records.h is generated from the package's record types; units are in the names.  (sX) is a section of the ENACHI
 * specification.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "records.h" /* struct row, struct task, struct params */

enum { BLOCK = 16, LANES = 64, VECTOR = 8 };
#define HASH_STEP UINT64_C(0x9E3779B97F4A7C15)
#define ANCHOR_STREAM (UINT64_C(1) << 40)
enum { SLOT_NOISE = 7, FADING = 6 }; /* streams of a task */
static const double NORMAL_MAX = 7.55, LEAST_NOISE_W = 1e-200, INSTANT_S = 1e-9;
static const double LOG_2 = 0x1.62e42fefa39efp-1, TWO_PI = 0x1.921fb54442d18p2;

/* ---------------------------------------------------------------- numbers */
static inline double least(double a, double b) { return a < b ? a : b; }
static inline double most(double a, double b) { return a > b ? a : b; }
union number { uint64_t bits; double value; };
static inline double bits_as_double(uint64_t bits) { return (union number){.bits = bits}.value; }
static inline uint64_t double_as_bits(double x) { return (union number){.value = x}.bits; }
/* A word below 2^52; processors convert 64-bit integers one by one, but put bits together in whole registers. */
static inline double small_double(uint64_t word) {
    return bits_as_double(word | UINT64_C(0x4330000000000000)) - 0x1p52;
}

/* log(x) of a normal x > 0: x = 2^k (1 + f) with 1 + f between the roots of 1/2 and 2, s = f / (2 + f). */
static inline double log_of(double x) {
    uint64_t bits = double_as_bits(x), k = (bits - UINT64_C(0x3FE6A09E667F3BCD)) >> 52; /* wraps below that root */
    double f = bits_as_double(bits - (k << 52)) - 1.0, s = f / (2.0 + f), z = s * s;
    double series = 1.0 / 9 + z * (1.0 / 11 + z * (1.0 / 13 + z * (1.0 / 15)));
    series = 1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * series));
    double power = small_double((k + 2048) & 4095) - 2048.0; /* k may be negative */
    return power * LOG_2 + 2.0 * s * (1.0 + z * series);
}

/* ---------------------------------------------------------------- randomness: a draw is a function of key and index */
static inline uint64_t mix(uint64_t word) { /* the finaliser of splitmix64 */
    word = (word ^ (word >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94D049BB133111EB);
    return word ^ (word >> 31);
}
static inline uint64_t child(uint64_t key, uint64_t index) { return mix(key + (index + 1) * HASH_STEP); }

/* Tables of the normals: at the centres of 1024 cells of the unit interval. */
static double MINUS_LOG[1024], PER_CELL[1024], SINE[1024], COSINE[1024];
__attribute__((constructor)) static void fill_tables(void) {
    for (int i = 0; i < 1024; i++) {
        double centre = (i + 0.5) / 1024.0;
        MINUS_LOG[i] = -log(centre), PER_CELL[i] = 1.0 / (i + 0.5);
        SINE[i] = sin(TWO_PI * centre), COSINE[i] = cos(TWO_PI * centre);
    }
}

/* Two parts of a complex normal, variance 1/2 each (Box-Muller): 40 bits of radius, 24 bits of angle.  The package
 * defines its normals by these tables and short series; in the first cells it takes the logarithm itself. */
static inline void complex_normal(uint64_t word, double *re, double *im) {
    uint64_t cell = word >> 54, turn = (word >> 14) & 1023;
    double x = ((small_double((word >> 24) & 0x3FFFFFFF) + 0.5) * 0x1p-30 - 0.5) * PER_CELL[cell];
    double series = MINUS_LOG[cell] - x * (1.0 - x * (1.0 / 2 - x * (1.0 / 3 - x * (1.0 / 4 - x * (1.0 / 5)))));
    double exact = -log_of((small_double(word >> 24) + 0.5) * 0x1p-40);
    double radius = sqrt(cell < 16 ? exact : series);
    double d = (small_double(word & 16383) + 0.5 - 8192.0) * (TWO_PI / 1024 / 16384), z = d * d;
    double across = d * (1.0 - z * (1.0 / 6)), along = 1.0 - z * (1.0 / 2 - z * (1.0 / 24));
    *re = radius * (COSINE[turn] * along - SINE[turn] * across);
    *im = radius * (SINE[turn] * along + COSINE[turn] * across);
}

/* ---------------------------------------------------------------- accuracy (s4), the server's stop (s5) */
static int first_from(const double *column, int count, double limit) {
    int i = 0;
    while (i < count && column[i] < limit) i++;
    return i;
}

static bool answers_part(int cut, const struct params *p) {
    return p->cut_steepness[cut] > 0.0 || p->cut_points[cut] > 0;
}

static double accuracy(double ratio, int cut, const struct params *p) {
    double k = p->cut_steepness[cut], full = p->accuracy_full, chance = p->accuracy_chance;
    if (k > 0.0) return chance + (full - chance) * (expm1(-k * ratio) / expm1(-k));
    const double *shares = p->cut_shares[cut], *levels = p->cut_levels[cut];
    int i = first_from(shares, p->cut_points[cut], ratio);
    if (i == p->cut_points[cut]) return p->cut_points[cut] > 0 ? levels[i - 1] : full;
    if (shares[i] == ratio) return levels[i];
    return levels[i - 1] + (levels[i] - levels[i - 1]) * (ratio - shares[i - 1]) / (shares[i] - shares[i - 1]);
}

static double ratio_for(double target, int cut, const struct params *p) {
    double k = p->cut_steepness[cut], share = (target - p->accuracy_chance) / (p->accuracy_full - p->accuracy_chance);
    if (share <= 0.0) return 0.0;
    if (k > 0.0) return -log1p(share * expm1(-k)) / k;
    const double *shares = p->cut_shares[cut], *levels = p->cut_levels[cut];
    int i = first_from(levels, p->cut_points[cut], target);
    if (i == 0 || i == p->cut_points[cut]) return 1.0;
    return shares[i - 1] + (shares[i] - shares[i - 1]) * (target - levels[i - 1]) / (levels[i] - levels[i - 1]);
}

/* Share of the features with which the server is confident; 2: with no share. */
static double confident_ratio(double complexity, int cut, const struct params *p) {
    double full = p->accuracy_full, beyond = (complexity - full) / (1.0 - full);
    if (complexity <= full) return ratio_for(complexity, cut, p);
    return beyond < p->confidently_wrong ? ratio_for(full * beyond / p->confidently_wrong, cut, p) : 2.0;
}

static double received_ratio(double sent_bit, double wanted_bit, double channels) {
    return sent_bit >= wanted_bit ? 1.0 : floor(channels * sent_bit / wanted_bit) / channels;
}

static double slot_noise(uint64_t task_key, int64_t slot) {
    double re, im;
    complex_normal(child(child(task_key, SLOT_NOISE), (uint64_t)slot / 2), &re, &im);
    return sqrt(2.0) * (slot % 2 == 0 ? re : im);
}

/* ---------------------------------------------------------------- jobs and lanes */
struct job { /* what is to be sent for a task, and what came of it */
    struct row *row;
    const struct task *task;
    int64_t first; /* slot */
    double planned_s; /* tail behind the uplink */
    uint64_t task_key, fading_key;
    double theta, sent_bit, sent_w, used;
    bool sends, stopped;
};

struct lanes { /* of each lane: its job, what the job gives, what moves */
    struct job *job[LANES];
    uint64_t fading_key[LANES], slot[LANES]; /* slot: the first one of the block, again in at */
    double gain[LANES], power_w[LANES], level_w2[LANES], noise_w[LANES], constant[LANES];
    double wanted_bit[LANES], least_bit[LANES], first[LANES], end[LANES], at[LANES];
    double re[LANES], im[LANES], end_re[LANES], end_im[LANES], queue_w[LANES];
    double sent_bit[LANES], sent_w[LANES], used[LANES], before_bit[LANES], before_w[LANES], before_used[LANES];
    double powers_w[BLOCK][LANES], slot_bits[BLOCK][LANES];
};

static void load(struct lanes *t, int lane, struct job *job, const struct params *p) {
    const struct task *x = job->task;
    const __typeof__(job->row->outcome) *o = &job->row->outcome;
    const __typeof__(job->row->state) *s = &job->row->state;
    double noise_w = p->noise_w_hz * p->bandwidth_hz, pbar = o->power_w;
    t->job[lane] = job, t->fading_key[lane] = job->fading_key;
    t->gain[lane] = x->gain, t->power_w[lane] = pbar, t->noise_w[lane] = noise_w, t->constant[lane] = !s->tracking;
    t->level_w2[lane] = p->tolerance * o->slots_available * pbar * (pbar + noise_w / x->gain); /* (s7.3) */
    t->wanted_bit[lane] = p->cut_bits[o->cut], t->least_bit[lane] = 2.0 * t->wanted_bit[lane]; /* never */
    if (s->early_stop && s->progressive && answers_part(o->cut, p)) {
        job->theta = confident_ratio(x->complexity, o->cut, p);
        double error = p->stop_noise_persistent * x->persistent + p->stop_noise_slot * NORMAL_MAX;
        if (job->theta <= 1.0) t->least_bit[lane] = p->cut_bits[o->cut] * job->theta * exp(p->stop_log_margin - error);
    }
    int64_t block = job->first / BLOCK;
    complex_normal(child(job->fading_key, ANCHOR_STREAM), &t->re[lane], &t->im[lane]);
    for (int64_t b = 0; b < block; b++) {
        double re, im;
        complex_normal(child(job->fading_key, ANCHOR_STREAM + b + 1), &re, &im);
        t->re[lane] = p->fading.anchor_keep * t->re[lane] + p->fading.anchor_new * re;
        t->im[lane] = p->fading.anchor_keep * t->im[lane] + p->fading.anchor_new * im;
    }
    t->first[lane] = job->first, t->end[lane] = job->first + o->slots_available;
    t->at[lane] = t->slot[lane] = block * BLOCK;
    t->queue_w[lane] = t->sent_bit[lane] = t->sent_w[lane] = t->used[lane] = 0.0;
}

static void move(struct lanes *t, int to, int from) {
    double *columns[] = {t->gain, t->power_w, t->level_w2, t->noise_w, t->constant, t->wanted_bit, t->least_bit,
                         t->first, t->end, t->at, t->re, t->im, t->queue_w, t->sent_bit, t->sent_w, t->used};
    for (unsigned c = 0; c < sizeof columns / sizeof *columns; c++) columns[c][to] = columns[c][from];
    t->job[to] = t->job[from], t->fading_key[to] = t->fading_key[from], t->slot[to] = t->slot[from];
}

/* Water-filling that tracks the reference.  (s7.2) */
static inline double filled_power_w(double level_w2, double queue_w, double gain, double noise_w, double power_max_w) {
    double filled_w = least(most(level_w2 / queue_w - noise_w / gain, 0.0), power_max_w);
    return queue_w <= 0.0 ? power_max_w : filled_w;
}

/* A block of slots in the first `width` lanes.  (s3.2, s7) */
static void send_block(struct lanes *restrict t, int width, const struct params *restrict p) {
    const double los = p->fading.line_of_sight, scatter = p->fading.scatter, power_max_w = p->power_max_w;
    const double nat_bit = p->bandwidth_hz / LOG_2 * p->slot_s;
    for (int i = 0; i < width; i++) {
        double re, im;
        complex_normal(child(t->fading_key[i], ANCHOR_STREAM + t->slot[i] / BLOCK + 1), &re, &im);
        t->end_re[i] = p->fading.anchor_keep * t->re[i] + p->fading.anchor_new * re;
        t->end_im[i] = p->fading.anchor_keep * t->im[i] + p->fading.anchor_new * im;
        t->before_bit[i] = t->sent_bit[i], t->before_w[i] = t->sent_w[i], t->before_used[i] = t->used[i];
    }
    for (int here = 0; here < BLOCK; here++) {
        const double a = p->fading.bridge_here[here], b = p->fading.bridge_end[here], c = p->fading.bridge_new[here];
        double *restrict powers_w = t->powers_w[here], *restrict slot_bits = t->slot_bits[here];
#pragma GCC ivdep
        for (int i = 0; i < width; i++) {
            double slot = t->at[i] + here, in_phase = los + scatter * t->re[i], quadrature = scatter * t->im[i];
            double gain = t->gain[i] * (in_phase * in_phase + quadrature * quadrature);
            double filled_w = filled_power_w(t->level_w2[i], t->queue_w[i], gain, t->noise_w[i], power_max_w);
            double power_w = t->constant[i] > 0.0 ? t->power_w[i] : filled_w;
            double after_w = most(t->queue_w[i] + power_w - t->power_w[i], 0.0);
            t->queue_w[i] = slot >= t->first[i] ? after_w : t->queue_w[i];
            double bit = log_of(1.0 + power_w * gain / t->noise_w[i]) * nat_bit;
            bool live = (slot >= t->first[i]) & (slot < t->end[i]) & (t->sent_bit[i] < t->wanted_bit[i]);
            t->sent_bit[i] += live ? bit : 0.0;
            t->sent_w[i] += live ? power_w : 0.0;
            t->used[i] += live ? 1.0 : 0.0;
            powers_w[i] = power_w, slot_bits[i] = bit;
            double re, im;
            complex_normal(child(t->fading_key[i], t->slot[i] + here + 1), &re, &im);
            t->re[i] = a * t->re[i] + b * t->end_re[i] + c * re;
            t->im[i] = a * t->im[i] + b * t->end_im[i] + c * im;
        }
    }
    for (int i = 0; i < width; i++) t->re[i] = t->end_re[i], t->im[i] = t->end_im[i];
}

/* The sums of a lane's block again, with the server's stop looked for after each slot.  (s3.5, s5.3) */
static void look_for_stop(struct lanes *t, int i, const struct params *p) {
    struct job *job = t->job[i];
    double channels = p->cut_channels[job->row->outcome.cut];
    t->sent_bit[i] = t->before_bit[i], t->sent_w[i] = t->before_w[i], t->used[i] = t->before_used[i];
    for (int here = 0; here < BLOCK; here++) {
        double slot = t->at[i] + here;
        if (slot < t->first[i]) continue;
        if (slot >= t->end[i] || t->sent_bit[i] >= t->wanted_bit[i]) break;
        t->sent_bit[i] += t->slot_bits[here][i], t->sent_w[i] += t->powers_w[here][i], t->used[i] += 1.0;
        if (t->sent_bit[i] < t->least_bit[i] || t->sent_bit[i] >= t->wanted_bit[i]) continue;
        double ratio = received_ratio(t->sent_bit[i], t->wanted_bit[i], channels);
        double error = p->stop_noise_persistent * job->task->persistent;
        error += p->stop_noise_slot * slot_noise(job->task_key, (int64_t)slot);
        if (ratio > 0.0 && (job->theta <= 0.0 || log(ratio / job->theta) + error >= p->stop_log_margin)) {
            job->stopped = true, t->least_bit[i] = 2.0 * t->wanted_bit[i];
            t->end[i] = least(t->end[i], t->first[i] + t->used[i] + p->feedback_slots);
        }
    }
}

static void send_jobs(struct job *jobs, int64_t count, const struct params *p) {
    static _Thread_local struct lanes lanes;
    struct lanes *t = &lanes;
    int width = count < LANES ? (int)count : LANES;
    int64_t begun = width;
    for (int i = 0; i < width; i++) load(t, i, &jobs[i], p);
    while (width > 0) {
        send_block(t, (width + VECTOR - 1) / VECTOR * VECTOR, p); /* lanes beyond hold what nobody reads */
        for (int i = width - 1; i >= 0; i--) {
            if (t->sent_bit[i] >= t->least_bit[i]) look_for_stop(t, i, p);
            t->at[i] += BLOCK, t->slot[i] += BLOCK;
            if (t->at[i] < t->end[i] && t->sent_bit[i] < t->wanted_bit[i]) continue;
            t->job[i]->sent_bit = t->sent_bit[i], t->job[i]->sent_w = t->sent_w[i], t->job[i]->used = t->used[i];
            if (begun < count) load(t, i, &jobs[begun++], p);
            else move(t, i, --width);
        }
    }
}

/* ---------------------------------------------------------------- the service of a task (s3) */
typedef __typeof__(((struct row *)0)->state) state;
typedef __typeof__(((struct row *)0)->outcome) outcome;

static double on_edge_s(int cut, int edge_cut, const struct task *x, const struct params *p) {
    return p->edge_idle_s[cut][edge_cut] / (1.0 - x->edge_load);
}

/* Expected time behind the uplink [s]. */
static double tail_s(int cut, int edge_cut, const struct task *x, const struct params *p) {
    double time_s = on_edge_s(cut, edge_cut, x, p) + p->reserve_s;
    if (edge_cut == p->last_cut) return time_s;
    return time_s + p->relay_s[edge_cut] + x->rtt_s + p->jitter_s + p->cloud_s[edge_cut];
}

/* Whole slots between two instants, and the first of them.  (s3.4) */
static int64_t slot_count(double begin_s, double end_s, double slot_s, int64_t *first) {
    *first = (int64_t)ceil(begin_s / slot_s);
    int64_t count = (int64_t)floor(end_s / slot_s) - *first;
    return count > 0 ? count : 0;
}

/* The device's blocks and exits; whether features are to be sent. */
static bool compute(struct row *row, const struct task *x, const struct params *p) {
    state *s = &row->state;
    outcome *o = &row->outcome;
    double delay_s = o->clock_hz != s->clock_hz ? p->reconfigure_s : 0.0, macs = p->device_macs[o->cut];
    for (int e = 0; e < p->n_exits && o->exit < 0; e++)
        if (p->exit_cut[e] <= o->cut && x->complexity <= p->exit_share[e] * p->accuracy_full)
            macs = p->exit_macs[e], o->exit = e;
    double speed_macs_s = o->clock_hz * p->macs_per_cycle, time_s = delay_s + macs / speed_macs_s;
    bool late = time_s > s->remaining_s, local = o->cut == p->last_cut;
    if (late) time_s = s->remaining_s, macs = most(time_s - delay_s, 0.0) * speed_macs_s;
    else if (o->exit >= 0) o->on_time = true, o->accuracy = p->exit_share[o->exit] * p->accuracy_full;
    else if (local) o->on_time = true, o->accuracy = p->accuracy_full;
    o->energy_compute_j = p->kappa_f * o->clock_hz * o->clock_hz * (macs / p->macs_per_cycle);
    o->latency_device_s = time_s;
    return !late && !local && o->exit < 0;
}

/* Up to the slots: fills the job of a row. */
static void begin_service(struct job *job, struct row *row, const struct task *x, const struct params *p) {
    state *s = &row->state;
    outcome *o = &row->outcome;
    *o = (outcome){.task = s->task, .exit = -1, .latency_wait_s = s->wait_s};
    int cut = (int)least(most(row->decision.cut, 0), p->last_cut);
    int edge_cut = (int)least(most(row->decision.edge_cut, 0), p->last_cut);
    o->cut = cut, o->edge_cut = !p->cloud ? p->last_cut : edge_cut < cut ? cut : edge_cut;
    o->clock_hz = row->decision.clock_hz, o->power_w = row->decision.power_w;
    *job = (struct job){.row = row, .task = x};
    if (!compute(row, x, p)) return;
    job->planned_s = tail_s(o->cut, o->edge_cut, x, p);
    o->slots_available = slot_count(o->latency_device_s, s->remaining_s - job->planned_s, p->slot_s, &job->first);
    job->sends = true;
    job->task_key = child(s->key, s->task);
    job->fading_key = child(job->task_key, FADING);
}

/* Edge, its exits, backhaul and cloud, for what has arrived. */
static void answer(outcome *o, const struct task *x, const struct params *p) {
    double macs = p->edge_macs[o->cut][o->edge_cut];
    bool relayed = o->edge_cut < p->last_cut;
    o->accuracy = accuracy(o->feature_ratio, o->cut, p);
    for (int e = 0; e < p->n_exits && o->exit < 0; e++)
        if (o->cut < p->exit_cut[e] && p->exit_cut[e] <= o->edge_cut && x->complexity <= p->exit_share[e] * o->accuracy)
            macs = p->edge_macs[o->cut][p->exit_cut[e]], o->accuracy *= p->exit_share[e], o->exit = e, relayed = false;
    o->latency_edge_s = macs / p->edge_macs_s / (1.0 - x->edge_load);
    o->energy_edge_j = macs * p->edge_j_per_mac;
    if (!relayed) return;
    double rest = p->cut_macs[p->last_cut] - p->cut_macs[o->edge_cut];
    double relay_bit = o->edge_cut > o->cut ? p->cut_bits[o->edge_cut] : o->bits;
    o->latency_backhaul_s = relay_bit / p->backhaul_bit_s + x->rtt_s + x->jitter_s;
    o->latency_cloud_s = rest / p->cloud_macs_s, o->energy_cloud_j = rest * p->cloud_j_per_mac;
}

/* No answer in time. */
static void fail(outcome *o) { o->on_time = o->correct = false, o->exit = -1, o->accuracy = 0.0; }

static double queue_after_j(double queue_j, double energy_j, double budget_j) {
    return most(queue_j + energy_j - budget_j, 0.0);
}

/* From the last slot to the release of the device. */
static void end_service(struct job *job, const struct params *p) {
    const struct task *x = job->task;
    state *s = &job->row->state;
    outcome *o = &job->row->outcome;
    double busy_s = o->latency_device_s;
    if (job->sends) {
        o->slots_used = (int64_t)job->used, o->capacity_bits = job->sent_bit;
        o->energy_radio_j = job->sent_w * p->slot_s;
        if (o->slots_used > 0) {
            o->feature_ratio = received_ratio(job->sent_bit, p->cut_bits[o->cut], p->cut_channels[o->cut]);
            busy_s = (job->first + o->slots_used) * p->slot_s;
            bool saved = o->slots_used < o->slots_available && job->sent_bit < p->cut_bits[o->cut];
            o->stopped_early = job->stopped && saved;
        }
        o->bits = least(job->sent_bit, p->cut_bits[o->cut]);
        o->latency_uplink_s = busy_s - o->latency_device_s;
        bool partial = s->progressive && answers_part(o->cut, p);
        if (o->slots_available > 0 && (partial || o->feature_ratio >= 1.0)) {
            answer(o, x, p);
            double real_s = o->latency_edge_s + o->latency_backhaul_s + o->latency_cloud_s;
            o->on_time = real_s <= job->planned_s || busy_s + real_s <= s->remaining_s;
        }
    }
    o->correct = o->on_time && x->complexity <= o->accuracy;
    if (!o->on_time) fail(o);
    o->latency_s = s->wait_s + busy_s + o->latency_edge_s + o->latency_backhaul_s + o->latency_cloud_s;
    s->clock_hz = o->clock_hz, s->free_s = x->arrival_s + s->wait_s + busy_s;
}

/* ---------------------------------------------------------------- energy, the next task, the reward (s6.1) */
static bool finishable(const state *s, int cut, double tail, const struct params *p) {
    for (int j = 0; j < p->n_clocks; j++) {
        double clock_hz = p->clocks_hz[j], delay_s = clock_hz != s->clock_hz ? p->reconfigure_s : 0.0;
        double busy_s = delay_s + p->device_cycles[cut] / clock_hz;
        int64_t first;
        double exit_s = busy_s - p->beyond_cycles[cut] / clock_hz;
        if (p->n_exits > 0 && p->exit_cut[0] <= cut && exit_s <= s->remaining_s) return true;
        if (cut == p->last_cut && busy_s <= s->remaining_s) return true;
        if (cut < p->last_cut && slot_count(busy_s, s->remaining_s - tail, p->slot_s, &first) > 0) return true;
    }
    return false;
}

static bool any_finishable(const state *s, const struct task *x, const struct params *p) {
    for (int cut = 0; cut <= p->last_cut; cut++) {
        double tail = tail_s(cut, p->last_cut, x, p);
        for (int edge_cut = cut; p->cloud && edge_cut < p->last_cut; edge_cut++)
            tail = least(tail, tail_s(cut, edge_cut, x, p));
        if (finishable(s, cut, tail, p)) return true;
    }
    return false;
}

/* Charge the energy, go to the next task that can be served, pay. */
static void end_step(struct row *row, const struct task *tasks, const struct params *p) {
    state *s = &row->state;
    outcome *o = &row->outcome;
    double before_j = s->queue_j, device_j = o->energy_compute_j + o->energy_radio_j;
    if (device_j >= s->battery_j) s->depleted = true, fail(o);
    s->battery_j = most(s->battery_j - device_j, 0.0);
    o->energy_j = device_j + p->infrastructure_weight * (o->energy_edge_j + o->energy_cloud_j);
    o->cost_j = most(o->energy_j - p->budget_j, 0.0);
    s->queue_j = queue_after_j(s->queue_j, o->energy_j, p->budget_j);
    for (s->task++; s->task < p->n_tasks; s->task++, o->missed++) {
        const struct task *x = &tasks[s->task];
        s->wait_s = s->free_s - x->arrival_s;
        if (s->wait_s < INSTANT_S) s->wait_s = 0.0;
        s->remaining_s = x->deadline_s - s->wait_s;
        if (s->wait_s <= 0.0 || (s->remaining_s > 0.0 && any_finishable(s, x, p))) break;
        s->queue_j = queue_after_j(s->queue_j, 0.0, p->budget_j);
    }
    s->missed += o->missed, s->finished = s->task >= p->n_tasks;
    o->missed_total = s->missed, o->queue_j = s->queue_j;
    o->reward_answer = o->correct, o->reward_debt = 0.0 - p->debt_price * ((s->queue_j - before_j) / p->budget_j);
    o->reward = o->reward_answer + o->reward_debt;
}

static bool can_send(const struct job *job, const struct params *p) {
    const outcome *o = &job->row->outcome;
    return job->sends && o->power_w > 0.0 && o->slots_available > 0 && p->noise_w_hz * p->bandwidth_hz >= LEAST_NOISE_W;
}

/* A step of the live ones of rows low..high; `tasks` are n_tasks for each row.  Returns 0, or 1 without memory. */
int step_rows(int64_t low, int64_t high, struct row *rows, const struct task *tasks, const struct params *p) {
    struct job *sending = malloc((high - low) * sizeof *sending), *others = malloc((high - low) * sizeof *others);
    int64_t count = 0, rest = 0;
    if (!sending || !others) return free(sending), free(others), 1;
    for (int64_t i = low; i < high; i++) {
        if (!rows[i].live) continue;
        struct job *job = &sending[count];
        begin_service(job, &rows[i], &tasks[i * p->n_tasks + rows[i].state.task], p);
        if (can_send(job, p)) count++;
        else others[rest++] = *job;
    }
    send_jobs(sending, count, p);
    for (int64_t j = 0; j < count + rest; j++) {
        struct job *job = j < count ? &sending[j] : &others[j - count];
        end_service(job, p);
        end_step(job->row, &tasks[(job->row - rows) * p->n_tasks], p);
    }
    return free(sending), free(others), 0;
}

/* ---------------------------------------------------------------- what a slot costs */
enum { NUMBERS = 1024 };
static uint64_t words[NUMBERS];
static double xs[NUMBERS], ys[NUMBERS], zs[NUMBERS];
static struct lanes counted;

/* `part` of a slot, NUMBERS times `rounds`: 0 hash, 1 pair of normals, 2 logarithm, 3 power, 4 whole slots. */
int repeat_part(int part, int64_t rounds, const struct params *p) {
    for (int i = 0; i < NUMBERS; i++) words[i] = child(1, i), xs[i] = 1e-3 * (i + 1);
    for (int i = 0; i < LANES; i++) {
        counted.fading_key[i] = words[i], counted.gain[i] = counted.noise_w[i] = counted.power_w[i] = 1.0;
        counted.level_w2[i] = counted.wanted_bit[i] = counted.end[i] = 1e300;
    }
    for (int64_t round = 0; round < rounds; round++) {
        if (part == 0) for (int i = 0; i < NUMBERS; i++) words[i] = child(words[i], i);
        if (part == 1) for (int i = 0; i < NUMBERS; i++) complex_normal(words[i], &ys[i], &zs[i]);
        if (part == 2) for (int i = 0; i < NUMBERS; i++) ys[i] = log_of(1.0 + xs[i]);
        if (part == 3) for (int i = 0; i < NUMBERS; i++) ys[i] = filled_power_w(2.0, xs[i], xs[i], 0.1, 0.5);
        if (part == 4) for (int block = 0; block < NUMBERS / LANES / BLOCK; block++) send_block(&counted, LANES, p);
        __asm__ volatile("" ::: "memory"); /* no round is left out */
    }
    return 0;
}

#ifdef COUNTED /* a program that repeats a part, for a counter of instructions: limit PART ROUNDS */
int main(int count, char **texts) {
    static struct params p;
    return count == 3 ? repeat_part(atoi(texts[1]), atoll(texts[2]), &p) : 2;
}
#endif
