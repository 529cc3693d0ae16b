// What the page shows. Text reaches the document as text only: textContent, never markup.

const form = document.getElementById("filters");
const tip = document.getElementById("tip");
const views = new Map();
let drawing = 0;
let shown = 50;
let order = { column: null, down: true };

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const number = (value) => (value === null ? "" : whole.format(value));
const hoursText = (value) => (value === null ? "" : tenth.format(value));
const iso = (time) => new Date(Math.floor(time / 1000)).toISOString();
const minute = (time) => (time === null ? "" : iso(time).slice(0, 16).replace("T", " "));
const day = (time) => iso(time).slice(0, 10);
const nobody = (name) => name ?? "not known";
const colour = (kind) => `var(--c${kind + 1})`;
const several = data.accounts.length > 1;

function span(microseconds) {
  const hours = microseconds / HOUR;
  if (hours >= 48) return `${tenth.format(hours / 24)} days`;
  return hours >= 1 ? `${tenth.format(hours)} h` : `${whole.format(microseconds / 6e7)} min`;
}

function element(name, text, ...classes) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  made.classList.add(...classes);
  return made;
}

/** A table; a column is [heading, cell(row), kind]: "n" for numbers, "t" for times, "w" for long text, "" for text. */
function table(caption, columns, rows, sort) {
  const made = element("table"), head = element("tr"), body = element("tbody");
  made.append(element("caption", caption, "unseen"));
  columns.forEach(([heading, , kind], place) => {
    const cell = element("th", sort ? undefined : heading, kind || "s");
    cell.scope = "col";
    if (sort) {
      const button = element("button", heading);
      button.type = "button";
      button.addEventListener("click", () => sort(place));
      cell.append(button);
      if (order.column === place) cell.ariaSort = order.down ? "descending" : "ascending";
    }
    head.append(cell);
  });
  for (const row of rows) {
    const line = element("tr");
    columns.forEach(([, cell, kind], place) => {
      const value = cell(row);
      const made = element(place ? "td" : "th", undefined, kind || "s");
      if (!place) made.scope = "row";
      made.append(value instanceof Node ? value : String(value));
      line.append(made);
    });
    body.append(line);
  }
  made.append(element("thead"), body);
  made.tHead.append(head);
  return made;
}

function put(id, ...nodes) {
  document.getElementById(id).replaceChildren(...nodes);
}

/** The filter that the form holds. A day begins and ends at midnight UTC; `until` is no part of the period. */
function filter() {
  const at = (text, days) => (text ? Date.parse(`${text}T00:00:00Z`) * 1000 + days * DAY : NaN);
  const from = at(form.elements.from.value, 0), until = at(form.elements.to.value, 1);
  const choice = (name) => (form.elements[name].value === "" ? null : form.elements[name].value);
  const account = choice("account"), creator = choice("creator"), type = choice("type");
  return {
    from: Math.max(Number.isNaN(from) ? -Infinity : from, data.begins ?? -Infinity),
    until: Number.isNaN(until) ? Infinity : until,
    account: account === null ? null : Number(account),
    creator: creator === null ? null : Number(creator),
    type: type === null ? null : kinds.types[Number(type)],
  };
}

function options(name, every, entries) {
  const select = form.elements[name];
  select.append(new Option(every, ""), ...entries.map(([value, text]) => new Option(text, value)));
}

/** What there is to draw of a period; `any`: at least one episode. */
function counted(period, time) {
  if (totals) {
    return {
      any: totals.episodes > 0,
      figures: totals.figures,
      fleet: time && fleetInAll(time),
      hours: time && hoursInAll(time),
      lifetimes: totals.lifetimes,
      creators: totals.creators,
    };
  }
  const places = chosen(period), all = chosen({ ...period, from: -Infinity, until: Infinity });
  return {
    any: places.length > 0,
    figures: figures(period, places, all),
    fleet: time && fleet(all, time),  // also what was last seen before the period, and gone in it
    hours: time && hours(places, period, time),
    lifetimes: lifetimes(places),
    creators: creators(places, all, period),
  };
}

function draw() {
  const period = filter();
  const time = watched(period);
  const found = counted(period, time);
  headline(found.figures, time);
  const domain = time && [time.start / 1000, Math.max(time.to, time.start + 1) / 1000];
  const gaps = time ? time.gaps.map((gap) => ({
    from: Math.max(gap.start, time.start) / 1000, to: Math.min(gap.end, time.to) / 1000,
    tip: `Not observed\n${minute(gap.start)} to ${minute(gap.end)}`,
  })) : [];
  const state = found.fleet;
  for (const [id, key, what] of [["fleet", "counts", "instances"], ["gpus", "gpus", "GPUs"]]) {
    const rows = state ? state.rows : [];
    chart(id, domain && found.any && { gaps, domain, ...stacked(rows, key, number) });
    behind(id, () => numbers(rows, key, `How many ${what} there were, by type`, number, time?.gaps ?? []));
  }
  const bars = found.hours ?? { rows: [], days: 1 };
  const bar = bars.days === 1 ? "day" : bars.days === 7 ? "week" : "four weeks";
  put("hours-note", `GPU hours at least by ${bar}: from the first run that saw an instance to the last one.`);
  chart("hours", domain && found.any && {
    gaps, domain: [Math.min(domain[0], bars.rows[0].at / 1000), Math.max(domain[1], Math.min(bars.rows.at(-1).to, period.until) / 1000)], ...stacked(bars.rows, "gpus", hoursText),
  });
  behind("hours", () => numbers(bars.rows, "gpus", `GPU hours by ${bar} and type`, hoursText, []));
  lives(found.lifetimes);
  people(found.creators);
  changes(period);
  acts(period);
  holes(period);
}

function stacked(rows, key, format) {
  const made = { rows: [], alone: [], moments: [] };
  const used = kinds.names.map((_, kind) => rows.some((row) => row[key][kind]));
  rows.forEach((row, i) => {
    const at = row.at / 1000, to = row.to === undefined ? undefined : row.to / 1000;
    const lonely = rows[i - 1]?.stretch !== row.stretch && rows[i + 1]?.stretch !== row.stretch;
    const lines = [row.to === undefined ? minute(row.at) : day(row.at)];
    kinds.names.forEach((kind, rank) => {
      if (!used[rank]) return;
      const amount = row[key][rank];
      const made_ = { at, to, kind, rank, amount, stretch: row.stretch };
      made.rows.push(made_);
      if (row.stretch !== undefined && lonely) made.alone.push(made_);
      lines.push(`${kind}: ${format(amount)}`);
    });
    if (used.filter(Boolean).length > 1) lines.push(`together: ${format(row[key].reduce((a, b) => a + b, 0))}`);
    made.moments.push({ at, to, tip: lines.join("\n") });
  });
  return made;
}

function numbers(rows, key, caption, format, gaps) {
  const lines = [...rows, ...gaps.map((gap) => ({ ...gap, at: gap.start, gap }))].sort((a, b) =>
    b.at - a.at || Boolean(b.gap) - Boolean(a.gap));
  const bars = rows.some((row) => row.to !== undefined);
  return table(caption, [
    [bars ? "from" : "time", (row) => (bars ? day(row.at) : minute(row.at)), "t"],
    ...kinds.names.map((kind, rank) => [kind, (row) => (row.gap ? "–" : format(row[key][rank])), "n"]),
    ["together", (row) => (row.gap ? `not observed to ${minute(row.gap.end)}` : format(row[key].reduce((a, b) => a + b, 0))), "n"],
  ], lines);
}

/** Fill the table behind a chart when it is opened, since few are. */
function behind(id, make) {
  const details = document.querySelector(`details[data-table="${id}"]`);
  const fill = () => {
    details.querySelector("div")?.remove();
    if (!details.open) return;
    const box = element("div", undefined, "table");
    box.tabIndex = 0;
    box.append(make());
    details.append(box);
  };
  details.ontoggle = fill;
  fill();
}

/** Draw a chart anew; `parts`: its data sets and the domain of time, or nothing where there is nothing to draw. */
async function chart(id, parts) {
  const place = document.getElementById(id), turn = ++drawing;
  place.dataset.turn = turn;
  place.dataset.ready = "";
  if (!parts) {
    views.get(id)?.finalize();
    views.delete(id);
    put(id, element("p", "Nothing was recorded that this filter leaves.", "empty"));
    place.dataset.ready = "yes";
    return;
  }
  const { domain, height, ...datasets } = parts;
  const spec = structuredClone(data.charts[id]);
  spec.datasets = datasets;
  if (height) spec.height = height;
  for (const each of walk(spec)) {
    if (each.field === "kind" && each.scale) Object.assign(each.scale, { domain: kinds.names, range: kinds.names.map((_, i) => colour(i)) });
  }
  const box = element("div");
  const before = views.get(id);
  place.replaceChildren(box);
  before?.finalize();
  const made = await vegaEmbed(box, spec, {
    ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: hover, mode: "vega-lite",
    logLevel: 1,  // errors only: it would also warn of a layer without rows
    // the domain is set in the Vega specification: Vega-Lite would warn of a domain that several layers share
    patch: (vega) => { if (domain) vega.scales.find((each) => each.name === "x").domain = domain; return vega; },
  });
  if (place.dataset.turn !== String(turn)) return made.finalize();
  views.set(id, made);
  place.dataset.ready = "yes";
}

function* walk(value) {
  if (value === null || typeof value !== "object") return;
  yield value;
  for (const [name, each] of Object.entries(value)) if (name !== "datasets") yield* walk(each);
}

function hover(_handler, event, item, text) {
  tip.hidden = text === null || text === undefined || text === "";
  if (tip.hidden) return;
  tip.textContent = (item.datum.datum ?? item.datum).tip;  // the cell of a nearest point has its row in `datum`
  const { offsetWidth: width, offsetHeight: height } = tip;
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - height - 8))}px`;
}

function headline(figures, time) {
  const share = time && time.to > time.start ? 1 - time.lost / (time.to - time.start) : null;
  const facts = [
    ["live now", number(figures.live)],
    ["GPUs live now", number(figures.gpus)],
    ["created", number(figures.created)],
    ["vanished", number(figures.vanished)],
    ["GPU hours at least", number(figures.gpuHours)],
    ["of the time observed", share === null ? "–" : `${(Math.floor(share * 1000) / 10).toFixed(1)} %`],
  ];
  put("figures", ...facts.map(([name, value]) => {
    const pair = element("div");
    pair.append(element("dt", name), element("dd", value));
    return pair;
  }));
}

function lives(rows) {
  const ended = rows.filter((row) => row.ended), most = 20;
  const sum = (name) => (totals ? totals[name] : rows.reduce((before, row) => before + row[name], 0));
  const all = sum("episodes"), known = sum("ended");
  const who = (row) => nobody(data.creators[row.who]);
  put("lifetimes-note", `By creator: how long the ${number(known)} lives were that began and ended while watched, each as a `
    + `whole. Left out: ${number(all - known)} that go on, or were there before.`
    + (ended.length > most ? ` Drawn: the ${most} creators with most.` : ""));
  chart("lifetimes", ended.length && {
    height: 24 * Math.min(ended.length, most),
    rows: ended.slice(0, most).map((row) => ({
      ...row, lows: undefined, highs: undefined, who: who(row),
      tip: `${who(row)}: ${number(row.ended)} ended\nmedian ${tenth.format(row.low50)} to ${tenth.format(row.high50)} h\n`
        + `middle half within ${tenth.format(row.low25)} to ${tenth.format(row.high75)} h`,
    })),
  });
  behind("lifetimes", () => table("Lifetimes in hours, by creator", [
    ["creator", who, ""],
    ["seen", (row) => number(row.episodes), "n"],
    ["ended", (row) => number(row.ended), "n"],
    ["10 % at least", (row) => hoursText(row.low10), "n"],
    ["25 % at least", (row) => hoursText(row.low25), "n"],
    ["median at least", (row) => hoursText(row.low50), "n"],
    ["median at most", (row) => hoursText(row.high50), "n"],
    ["75 % at most", (row) => hoursText(row.high75), "n"],
    ["90 % at most", (row) => hoursText(row.high90), "n"],
  ], rows));
}

function people(rows) {
  const most = Math.max(...rows.map((row) => row.gpuHours ?? 0), 1);
  const bar = (row) => {
    const made = element("span", hoursText(row.gpuHours), "bar");
    made.style.setProperty("--part", `${(100 * (row.gpuHours ?? 0)) / most}%`);
    return made;
  };
  const columns = [
    ["creator", (row) => nobody(data.creators[row.who]), "", (row) => nobody(data.creators[row.who])],
    ...(several ? [["account", (row) => data.accounts[row.account].account, "", (row) => data.accounts[row.account].account]] : []),
    ["created", (row) => number(row.created), "n", (row) => row.created],
    ["there before", (row) => number(row.before), "n", (row) => row.before],
    ["live now", (row) => number(row.live), "n", (row) => row.live],
    ["first created", (row) => minute(row.first), "t", (row) => row.first ?? 0],
    ["last created", (row) => minute(row.last), "t", (row) => row.last ?? 0],
    ["hours", (row) => hoursText(row.hours), "n", (row) => row.hours],
    ["GPU hours", bar, "n", (row) => row.gpuHours ?? -1],
  ];
  const show = () => {
    let sorted = rows;
    if (order.column !== null) {
      const value = columns[order.column][3];
      sorted = [...rows].sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) * (order.down ? -1 : 1));
    }
    const cut = totals && totals.creators_in_all > rows.length;
    put("creators-cut", ...(cut ? [`The ${number(rows.length)} of ${number(totals.creators_in_all)} with most GPU hours.`] : []));
    put("creators", table("Creators", columns, sorted, (column) => {
      order = { column, down: order.column === column ? !order.down : columns[column][2] !== "" };
      show();
      document.querySelectorAll("#creators th button")[column].focus();
    }));
  };
  show();
}

function changes({ from, until, account, creator, type }) {
  const names = data.creators;
  const rows = data.changes.filter(([number, at, , , kind, , , who]) => at >= from && at < until
    && (account === null || number === account) && (creator === null || who === names[creator])
    && (type === null || (kind ?? "no type") === type));
  put("changes-note", `Matching the filters: ${number(rows.length)} of the last ${number(data.changes.length)} changes in `
    + `the record. Shown: the newest ${number(Math.min(shown, rows.length))}.`);
  const made = table("Last changes", [
    ["time", (row) => minute(row[1]), "t"],
    ...(several ? [["account", (row) => data.accounts[row[0]].account, ""]] : []),
    ["event", (row) => element("span", row[2], "event", row[2]), ""],
    ["instance", (row) => element("code", row[3]), ""],
    ["type", (row) => row[4] ?? "", ""],
    ["region", (row) => row[5] ?? "", ""],
    ["creator", (row) => row[7] ?? "", ""],
    ["what changed", (row) => row[8].map(([name, old, now]) => `${name}: ${old ?? "none"} → ${now ?? "none"}`).join("; "), "w"],
  ], rows.slice(0, shown));
  const more = element("button", "Show more", "more");
  more.type = "button";
  more.addEventListener("click", () => { shown += 200; changes(filter()); });
  put("changes", made, ...(rows.length > shown ? [more] : []));
}

/** What people did in the period. Without any act in the period of the page, the section stays hidden. */
function acts({ from, until, account }) {
  const rows = data.acts.filter(([number, at]) => (account === null || number === account) && at >= from && at < until);
  document.getElementById("acts-section").hidden = !data.acts.length;
  put("acts-note", "Disappearances accepted, history pruned, accounts renamed or retired. The actor is self-declared: "
    + `whoever controls the host controls that name. ${number(rows.length)} of the last ${number(data.acts.length)}; `
    + "creator and type do not filter them.");
  put("acts", rows.length ? table("What operators did", [
    ["time", (row) => minute(row[1]), "t"],
    ...(several ? [["account", (row) => data.accounts[row[0]].account, ""]] : []),
    ["action", (row) => row[2], ""],
    ["what", (row) => row[3], "w"],
    ["actor", (row) => row[4], "w"],
    ["reason", (row) => row[5] ?? "none given", "w"],
  ], rows) : element("p", "Nobody did anything in this period.", "empty"));
}

/** A share as a percentage, rounded down: only what was observed without any gap is 100 %. */
const percent = (share) => `${(Math.floor(Math.min(1, share) * 1000 + 1e-6) / 10).toFixed(1)} %`;

function holes({ from, until, account }) {
  const known = data.observed.filter(([number, start, end]) => (account === null || number === account)
    && start < until && end > from);
  put("observed", known.length ? table("How much is known", [
    ["month", (row) => day(row[1]).slice(0, 7), "t"],
    ...(several ? [["account", (row) => data.accounts[row[0]].account, ""]] : []),
    ["observed", (row) => percent(row[3] * 1e6 / (row[2] - row[1])), "n"],
    ["longest interval", (row) => (row[4] === null ? "" : span(row[4] * 1e6)), "n"],
    ["complete runs", (row) => number(row[5]), "n"],
    ["failed runs", (row) => number(row[6]), "n"],
  ], known) : element("p", "Nothing in this period.", "empty"));
  const rows = data.gaps.filter(([number, start, end]) => (account === null || number === account)
    && start < until && (end === null || end > from)).reverse();
  const most = 200;
  put("gaps-note", "Times in which runs failed or did not come: nobody could know the fleet."
    + (rows.length > most ? ` The newest ${most} of ${number(rows.length)}.` : ""));
  put("gaps", rows.length ? table("Gaps in the record", [
    ["from", (row) => minute(row[1]), "t"],
    ["to", (row) => (row[2] === null ? "still open" : minute(row[2])), "t"],
    ...(several ? [["account", (row) => data.accounts[row[0]].account, ""]] : []),
    ["long", (row) => span((row[2] ?? data.written) - row[1]), "n"],
    ["failed runs", (row) => number(row[3]), "n"],
  ], rows.slice(0, most)) : element("p", "None in this period.", "empty"));
}

function freshness() {
  const age = (time) => `${span(Math.max(0, data.written - time))} before`;
  const complete = data.accounts.map((row) => row.last_complete_at).filter((time) => time !== null);
  put("fresh", complete.length
    ? `As of ${minute(Math.max(...complete))} UTC, the last complete run; this page was written ${minute(data.written)} UTC.`
    : `No complete run is on record. This page was written ${minute(data.written)} UTC.`);
  put("accounts-note", `How old the record was when this page was written, ${minute(data.written)} UTC.`);
  put("accounts", table("Freshness", [
    ["account", (row) => row.account + (row.retired_at === null ? "" : " (retired)"), ""],
    ["last complete run", (row) => (row.last_complete_at === null ? "never" : `${minute(row.last_complete_at)} (${age(row.last_complete_at)})`), "t"],
    ["last run", (row) => (row.last_attempt_at === null ? "never" : `${minute(row.last_attempt_at)}, ${row.last_status}`), "t"],
    ["failures since", (row) => number(row.failures_since_complete), "n"],
    ["live", (row) => number(row.live_instances), "n"],
    ["missing", (row) => number(row.missing_instances), "n"],
  ], data.accounts));
  const notice = document.getElementById("notice");
  const said = [];
  if (data.begins !== null) said.push(`This page begins at ${minute(data.begins)} UTC.`);
  if (totals) {
    said.push(`Its ${number(totals.episodes)} episodes are more than a page can hold. The numbers and charts count all of `
      + "them, but cannot be filtered here; each table says where it lists only a part. A shorter period "
      + "(inventory report --since) or one account (--account) may fit a page with filters.");
  }
  notice.hidden = !said.length;
  notice.textContent = said.join(" ");
}

function begin() {
  const names = data.creators.map((name, place) => [place, nobody(name)]);
  options("creator", "all", names.sort((a, b) => (a[1].toLowerCase() < b[1].toLowerCase() ? -1 : 1)));
  options("type", "all", kinds.types.map((name, place) => [place, name]));
  options("account", "all", data.accounts.map((row, place) => [place, row.account]));
  form.elements.account.parentElement.hidden = !several;
  const time = watched({ from: data.begins ?? -Infinity, until: Infinity, account: null });
  if (time) for (const name of ["from", "to"]) Object.assign(form.elements[name], { min: day(time.start), max: day(time.to) });
  put("legend", ...kinds.names.map((name, kind) => {
    const item = element("li"), mark = element("i", undefined, "mark");
    mark.style.background = colour(kind);
    item.append(mark, name);
    return item;
  }), (() => {
    const item = element("li");
    item.append(element("i", undefined, "mark", "gap"), "not observed");
    return item;
  })());
  form.hidden = Boolean(totals);
  form.addEventListener("input", () => { shown = 50; draw(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(draw));
  freshness();
  draw();
}

begin();
