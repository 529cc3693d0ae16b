"use strict";
// What the page counts, from the episodes in its data; nothing here changes the document. Times are microseconds.
// An episode has a row for each unbroken time in which the instance had the same type; most have one row. If there are
// too many episodes for the page, `totals` holds what was counted when the page was written.

const data = JSON.parse(document.getElementById("data").textContent);
const HOUR = 3.6e9, DAY = 24 * HOUR;
const FIRST = 1, LIVE = 2, LAST = 4, KNOWN = 8;  // flags of a row
const MOMENTS = 700;        // about as many as a chart has pixels to tell apart
const MONDAY = 4 * DAY;     // 1970-01-05

const totals = data.totals;
const episodes = totals ? null : decoded(data.episodes);
const kinds = totals ? { names: totals.kinds, types: [] } : ranked(episodes);

/** The columns as arrays of times and numbers; NaN: null. `end`: where the row ends in charts; Infinity: it goes on. */
function decoded(columns) {
  const length = columns.began.length;
  const times = Float64Array.from(columns.times);
  for (let i = 1; i < times.length; i++) times[i] += times[i - 1];
  const made = { length, account: columns.account, creator: columns.creator, type: columns.type, flags: columns.flags };
  for (const name of ["began", "appeared", "after", "seen", "gone", "end"]) made[name] = new Float64Array(length);
  let place = 0;
  for (let i = 0; i < length; i++) {
    place += columns.began[i];
    const first = place - columns.appeared[i], last = place + columns.seen[i];
    made.began[i] = times[place];
    made.appeared[i] = times[first];
    made.after[i] = columns.after[i] ? times[first - columns.after[i]] : NaN;
    made.seen[i] = times[last];
    made.gone[i] = columns.gone[i] ? times[last + columns.gone[i]] : NaN;
    // a retired account is not watched any more: its fleet is drawn up to its last complete run
    const account = data.accounts[columns.account[i]];
    const open = account.retired_at === null ? Infinity : account.last_complete_at + 1;
    const end = !(made.flags[i] & LAST) ? made.seen[i] : columns.gone[i] ? made.gone[i] : Infinity;
    made.end[i] = Math.max(made.began[i], Math.min(end, open));  // a partial run may have begun the row after that run
  }
  return made;
}

/** The names of the kinds, the most frequent types first, the rest as one; and for each type its kind and its GPUs. */
function ranked({ type }) {
  const names = data.episodes.types.map(([name]) => name ?? "no type");
  const often = new Map();
  for (const each of type) often.set(names[each], (often.get(names[each]) ?? 0) + 1);
  const order = [...often.keys()].sort((a, b) => often.get(b) - often.get(a) || (a < b ? -1 : 1));
  const most = order.length > data.colours ? data.colours - 1 : order.length;
  const known = order.slice(0, most);
  return {
    names: order.length > most ? [...known, "other types"] : known,
    of: names.map((name) => (known.indexOf(name) + most + 1) % (most + 1)),
    gpus: data.episodes.types.map(([, gpus]) => gpus),
    types: order,
    typeNames: names,
  };
}

/** The places of the rows that the filter leaves: those with a part in the period. */
function chosen({ from, until, account, creator, type }) {
  const found = [];
  for (let i = 0; i < episodes.length; i++) {
    if (account !== null && episodes.account[i] !== account) continue;
    if (creator !== null && episodes.creator[i] !== creator) continue;
    if (type !== null && kinds.typeNames[episodes.type[i]] !== type) continue;
    if (episodes.began[i] >= until || !(episodes.seen[i] > from || episodes.began[i] >= from)) continue;
    found.push(i);
  }
  return found;
}

/** The time to draw, or null: watched from `start` to `end` except in `gaps`. Charts reach to `to`; `lost`: in gaps. */
function watched({ from, until, account }) {
  const accounts = data.accounts.filter((each, number) =>
    (account === null || number === account) && each.first_complete_at !== null);
  if (!accounts.length) return null;
  const start = Math.max(from, Math.min(...accounts.map((each) => each.first_complete_at)));
  const last = Math.max(...accounts.map((each) => each.last_complete_at));
  const end = Math.min(until, last);
  if (start > end) return null;
  const raw = data.gaps.filter(([number]) => account === null || number === account)
    .map(([, begin, over, failed]) => ({ start: begin, end: over ?? Math.max(data.written, last), failed }))
    .filter((gap) => gap.start < until && gap.end > start);
  const to = Math.min(until, Math.max(end, ...raw.map((gap) => gap.end)));
  const near = Math.max(to - start, 1) / MOMENTS;
  const gaps = [];  // gaps too near to each other for the chart to show are drawn as one
  for (const gap of raw) {
    const before = gaps.at(-1);
    if (before && gap.start <= before.end + (gap.start === before.end ? 0 : near)) {
      before.end = Math.max(before.end, gap.end);
    } else gaps.push({ start: gap.start, end: gap.end });  // it may begin before `start`
  }
  const lost = raw.reduce((sum, gap) => ({
    until: Math.max(sum.until, gap.end),
    time: sum.time + Math.max(0, Math.min(gap.end, to) - Math.max(gap.start, sum.until)),
  }), { until: start, time: 0 }).time;
  return { start, end, to, gaps, lost };
}

/** The first place in a sorted array whose value is not below `value`. */
function place(sorted, value) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

/** The moments that are drawn: without those in a gap, each with the number of its unbroken time. */
function drawable(moments, gaps) {
  const starts = gaps.map((gap) => gap.start);
  return [...moments].sort((a, b) => a - b).filter((at) => {
    const gap = gaps[place(starts, at) - 1];  // the last gap that began before `at`
    return !gap || at >= gap.end;
  }).map((at) => ({ at, stretch: place(starts, at) }));
}

/** Rows: `at`, `stretch` (number of the unbroken time), `counts`, `gpus` by kind. `exact`: a moment for each change. */
function fleet(places, { start, end, gaps }) {
  let moments = new Set([start, end]);
  for (const i of places) {
    if (episodes.began[i] > start && episodes.began[i] < end) moments.add(episodes.began[i]);
    if (episodes.end[i] > start && episodes.end[i] < end) moments.add(episodes.end[i]);
  }
  const exact = moments.size <= MOMENTS;
  if (!exact) {
    const step = Math.ceil((end - start) / MOMENTS / HOUR) * HOUR;
    moments = new Set([start, end]);
    for (let at = Math.ceil(start / step) * step; at < end; at += step) moments.add(at);
  }
  for (const gap of gaps) for (const at of [gap.start, gap.end]) if (at >= start && at <= end) moments.add(at);
  const drawn = drawable(moments, gaps), times = drawn.map(({ at }) => at);
  const counts = kinds.names.map(() => new Float64Array(times.length + 1));
  const gpus = kinds.names.map(() => new Float64Array(times.length + 1));
  for (const i of places) {
    const first = place(times, episodes.began[i]), after = place(times, episodes.end[i]);
    const kind = kinds.of[episodes.type[i]], size = kinds.gpus[episodes.type[i]] ?? 0;
    counts[kind][first] += 1; counts[kind][after] -= 1;
    gpus[kind][first] += size; gpus[kind][after] -= size;
  }
  for (const sums of [...counts, ...gpus]) for (let i = 1; i < sums.length; i++) sums[i] += sums[i - 1];
  const rows = drawn.map((each, i) => ({
    ...each,
    counts: counts.map((sums) => sums[i]),
    gpus: gpus.map((sums) => sums[i]),
  }));
  return { rows, exact };
}

/** The rows of `fleet`, from `totals`. */
function fleetInAll({ gaps }) {
  const { at, counts, gpus } = totals.fleet;
  const numbers = new Map(at.map((time, i) => [time, i]));
  const of = (columns, time) => columns.map((each) => each[numbers.get(time)]);
  const rows = drawable(at, gaps).map((each) => ({ ...each, counts: of(counts, each.at), gpus: of(gpus, each.at) }));
  return { rows };
}

/** Bars of 1, 7 or 28 days each: the longer the time, the wider the bars. */
function bars(start, end) {
  const days = end - start <= 120 * DAY ? 1 : end - start <= 1100 * DAY ? 7 : 28;
  const width = days * DAY;
  const origin = Math.floor((start - MONDAY) / width) * width + MONDAY;
  return { days, width, origin, count: Math.floor((end - origin) / width) + 1 };
}

/** The bars of GPU hours, at least: `at`, `to`, `gpus` by kind. `days`: how many days a bar has. */
function hours(places, { from, until }, time) {
  // a run that was not complete sees instances too: before the first complete run, and after the last
  const start = Math.max(from, places.reduce((least, i) => Math.min(least, episodes.began[i]), time.start));
  const end = Math.min(until - 1, places.reduce((most, i) => Math.max(most, episodes.seen[i]), time.end));
  const { days, width, origin, count } = bars(start, end);
  const parts = kinds.names.map(() => new Float64Array(count + 2));
  const whole = kinds.names.map(() => new Float64Array(count + 2));
  for (const i of places) {
    const size = kinds.gpus[episodes.type[i]];
    const begin = Math.max(episodes.began[i], from), over = Math.min(episodes.seen[i], until);
    if (size === null || over <= begin) continue;
    const kind = kinds.of[episodes.type[i]];
    const first = Math.max(0, Math.floor((begin - origin) / width));
    const last = Math.min(count, Math.floor((over - origin) / width));
    if (first === last) { parts[kind][first] += (over - begin) * size; continue; }
    parts[kind][first] += (origin + (first + 1) * width - begin) * size;
    parts[kind][last] += (over - origin - last * width) * size;
    whole[kind][first + 1] += size; whole[kind][last] -= size;
  }
  for (const sums of whole) for (let i = 1; i < sums.length; i++) sums[i] += sums[i - 1];
  const rows = [];
  for (let i = 0; i < count; i++) {
    const gpus = kinds.names.map((_, kind) => (parts[kind][i] + whole[kind][i] * width) / HOUR);
    rows.push({ at: origin + i * width, to: origin + (i + 1) * width, gpus });
  }
  return { rows, days };
}

/** What `hours` returns, from `totals`, which has the GPU hours of each day. */
function hoursInAll(time) {
  const { at, gpus } = totals.hours;
  const { days, width, origin, count } = bars(Math.min(time.start, ...at.slice(0, 1)), Math.max(time.end, ...at.slice(-1)));
  const rows = Array.from({ length: count }, (_, i) => ({
    at: origin + i * width, to: origin + (i + 1) * width, gpus: kinds.names.map(() => 0),
  }));
  at.forEach((day, i) => {
    const bar = rows[Math.floor((day - origin) / width)];
    gpus.forEach((sums, kind) => { bar.gpus[kind] += sums[i]; });
  });
  return { rows, days };
}

/** The figures of a period: what is live now, and what was created, vanished and used in it. */
function figures({ from, until }, places, all) {
  const now = all.filter((i) => episodes.flags[i] & LIVE);
  return {
    live: now.length,
    gpus: now.reduce((sum, i) => sum + (kinds.gpus[episodes.type[i]] ?? 0), 0),
    created: places.filter((i) =>
      episodes.flags[i] & FIRST && !Number.isNaN(episodes.after[i]) && episodes.appeared[i] >= from).length,
    vanished: all.filter((i) => episodes.gone[i] >= from && episodes.gone[i] < until).length,
    gpuHours: places.reduce((sum, i) => sum + there(i, from, until) * (size(i) ?? 0), 0),
  };
}

/** The hours of a row in the period, at least. */
function there(i, from, until) {
  return Math.max(0, Math.min(episodes.seen[i], until) - Math.max(episodes.began[i], from)) / HOUR;
}

/** The GPUs of a row; null where those of its episode are not known throughout. */
function size(i) {
  return episodes.flags[i] & KNOWN ? kinds.gpus[episodes.type[i]] : null;
}

/** A row for each creator, the most episodes first: quantiles of how many hours episodes with known ends lasted. */
function lifetimes(places) {
  const found = new Map();
  for (const i of places) {
    if (!(episodes.flags[i] & LAST)) continue;
    const who = episodes.creator[i];
    if (!found.has(who)) found.set(who, { who, episodes: 0, lows: [], highs: [] });
    const row = found.get(who);
    row.episodes += 1;
    const high = episodes.gone[i] - episodes.after[i];  // NaN where either is not known
    if (!Number.isNaN(high)) {
      row.lows.push((episodes.seen[i] - episodes.appeared[i]) / HOUR);
      row.highs.push(high / HOUR);
    }
  }
  const rows = [...found.values()].sort((a, b) => b.episodes - a.episodes || a.who - b.who);
  for (const row of rows) {
    row.ended = row.lows.length;
    for (const name of ["lows", "highs"]) row[name].sort((a, b) => a - b);
    for (const part of [10, 25, 50]) {
      row[`low${part}`] = quantile(row.lows, part / 100);
      row[`high${100 - part}`] = quantile(row.highs, 1 - part / 100);
    }
  }
  return rows;
}

function quantile(sorted, part) {
  if (!sorted.length) return null;
  const where = part * (sorted.length - 1), low = Math.floor(where);
  return sorted[low] + (where - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

/** What `inventory creators` says of the period: by account and creator, the busiest first. */
function creators(places, live, { from, until }) {
  const found = new Map();
  const row = (i) => {
    const key = `${episodes.account[i]} ${episodes.creator[i]}`;
    if (!found.has(key)) {
      found.set(key, {
        account: episodes.account[i], who: episodes.creator[i],
        created: 0, before: 0, live: 0, first: null, last: null, hours: 0, gpuHours: null,
      });
    }
    return found.get(key);
  };
  for (const i of places) {
    const each = row(i), at = episodes.appeared[i], gpus = size(i);
    if (episodes.flags[i] & FIRST && at >= from) {
      if (Number.isNaN(episodes.after[i])) each.before += 1;
      else {
        each.created += 1;
        each.first = Math.min(each.first ?? at, at);
        each.last = Math.max(each.last ?? at, at);
      }
    }
    const hours = there(i, from, until);
    each.hours += hours;
    if (gpus !== null) each.gpuHours = (each.gpuHours ?? 0) + hours * gpus;
  }
  for (const i of live) {
    const each = found.get(`${episodes.account[i]} ${episodes.creator[i]}`);
    if (each && episodes.flags[i] & LIVE) each.live += 1;
  }
  return [...found.values()].sort((a, b) => (b.gpuHours ?? 0) - (a.gpuHours ?? 0) || b.hours - a.hours || a.who - b.who);
}
