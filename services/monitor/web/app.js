// The live page: follows /api/stream, asks /api/snapshot when the stream is silent, and says so when it is.
import {Charts} from "./charts.js";
import * as format from "./format.js";
import {Table} from "./tables.js";

const STALE_MS = 5000;      // without news for longer: what is shown is old
const POLL_AFTER_MS = 3000; // without news from the stream: ask
const RECONNECT_MS = 5000;  // after the stream was closed for good
const THEMES = ["auto", "light", "dark"];

const at = (id) => document.getElementById(id);
const say = (id, text) => {
  if (at(id).textContent !== text) at(id).textContent = text;
};

// ---- Tables ----

const ago = (text, now) => format.duration(Math.max(0, (now - new Date(text)) / 1000));
let snapshotTime = new Date();
const instanceOf = (item) => item.instance.replace(/^\w+-/, "");
const there = (item) => item.bytes_done + item.bytes_saved;
const progressOf = (item) => {
  if (item.bytes_total === 0) return {progress: null, text: format.bytes(there(item))};
  const part = Math.min(1, there(item) / item.bytes_total);
  return {progress: part, text: `${Math.floor(part * 100)} % of ${format.bytes(item.bytes_total)}`};
};

const tables = {
  transfers: new Table("transfers", "", [
    {label: "Path", kind: "name", cell: (item) => ({text: item.path})},
    {label: "Direction", kind: "plain", cell: (item) => ({text: item.direction === "upload" ? "↑ upload" : "↓ download"})},
    {label: "Mode", kind: "plain", cell: (item) => ({tag: item.mode, text: item.mode})},
    {label: "Progress", kind: "bar", cell: progressOf},
    {label: "Rate", kind: "number", cell: (item) => ({text: format.rate(item.bytes_per_second)})},
    {label: "Left", kind: "number", cell: (item) => ({text: format.duration(item.seconds_left)})},
    {label: "Saved", kind: "number", cell: (item) => ({text: format.bytes(item.bytes_saved)})},
    {label: "Connection", kind: "id", cell: (item) => ({text: item.connection_id})},
  ], (item) => `${item.instance}/${item.connection_id}/${item.since}/${item.path}`, "Nothing moves now."),
  connections: new Table("connections", "", [
    {label: "Peer", kind: "plain", cell: (item) => ({text: item.peer})},
    {label: "Dialect", kind: "plain", cell: (item) => ({text: item.dialect})},
    {label: "For", kind: "number", cell: (item) => ({text: ago(item.since, snapshotTime)})},
    {label: "Front door", kind: "id", cell: (item) => ({text: instanceOf(item)})},
    {label: "Connection", kind: "id", cell: (item) => ({text: item.id})},
  ], (item) => `${item.instance}/${item.id}`, "Nobody is connected."),
  services: new Table("services", "", [
    {label: "Service", kind: "name", cell: (item) => ({text: item.service})},
    {label: "Health", kind: "plain", cell: (item) => ({tag: item.health, text: item.up ? "up" : `${item.health} ${format.duration(item.seconds_since_push)} ago`})},
    {label: "Version", kind: "plain", cell: (item) => ({text: item.version})},
    {label: "Up for", kind: "number", cell: (item) => ({text: item.up ? format.duration(item.uptime_seconds) : "–"})},
    {label: "Errors", kind: "number", cell: (item) => ({text: format.count(item.errors)})},
    {label: "Instance", kind: "id", cell: (item) => ({text: instanceOf(item)})},
  ], (item) => item.instance, "No service has told of itself."),
  events: new Table("events", "", [
    {label: "Time", kind: "plain", cell: (item) => ({text: format.moment(item.time)})},
    {label: "Level", kind: "plain", cell: (item) => ({tag: item.level, text: item.level})},
    {label: "Service", kind: "plain", cell: (item) => ({text: item.service})},
    {label: "Connection", kind: "id", cell: (item) => ({text: item.connection_id})},
    {label: "Message", kind: "text", cell: (item) => ({text: item.message})},
  ], (item) => `${item.instance}/${item.time}/${item.message}`, "No events."),
  errors: new Table("error-codes", "", [
    {label: "Code", kind: "name", cell: ([code]) => ({text: code})},
    {label: "Count", kind: "number", cell: ([, number]) => ({text: format.count(number)})},
  ], ([code]) => code, "No errors."),
};

// ---- What a snapshot says ----

let last = null; // the snapshot shown

function showHealth(snapshot) {
  const missing = Object.entries(snapshot.services_up).filter(([, up]) => up === 0).map(([service]) => service);
  const good = missing.length === 0;
  at("health").className = `badge ${good ? "good" : "bad"}`;
  say("health", good ? "all services up" : `${missing.join(" and ")} ${missing.length > 1 ? "are" : "is"} down`);
}

const listing = (counts, join = " · ") =>
  Object.entries(counts).filter(([, value]) => value > 0).map(([name, value]) => `${format.count(value)} ${name}`).join(join);

function showTiles(snapshot) {
  const {latest} = snapshot;
  say("connections-active", format.count(snapshot.connections_active));
  say("connections-note", listing(snapshot.connections_active_by_dialect) || "none open");
  say("transfers-active", format.count(snapshot.transfers_in_progress));
  say("transfers-note", listing(snapshot.transfers_in_progress_by_direction) || "nothing moves");
  say("received", format.bytes(snapshot.bytes_received_total));
  say("received-note", latest === null ? "" : format.rate(latest.received_per_second));
  say("sent", format.bytes(snapshot.bytes_sent_total));
  say("sent-note", latest === null ? "" : format.rate(latest.sent_per_second));
  say("saved", format.bytes(snapshot.bytes_saved_total));
  say("saved-note", snapshot.file_bytes_total > 0
    ? `${format.percent(snapshot.bytes_saved_total, snapshot.file_bytes_total)} of ${format.bytes(snapshot.file_bytes_total)}` : "nothing moved yet");
  say("errors", format.count(snapshot.errors_total));
  say("errors-note", snapshot.errors_total > 0 ? topError(snapshot.errors_by_code) : "none");
  at("errors").parentElement.classList.toggle("some", snapshot.errors_total > 0);
}

function topError(codes) {
  const [code, number] = Object.entries(codes).sort((a, b) => b[1] - a[1])[0] ?? ["", 0];
  return number > 0 ? `most: ${code}` : "";
}

function showEvents() {
  if (last === null) return;
  const level = at("event-level").value;
  const text = at("event-text").value.toLowerCase();
  const levels = {"": ["info", "warning", "error"], warning: ["warning", "error"], error: ["error"]}[level];
  const events = last.events.filter((event) => levels.includes(event.level) &&
    (text === "" || `${event.message} ${event.connection_id} ${event.service} ${event.instance}`.toLowerCase().includes(text)));
  const filtered = level !== "" || text !== "";
  tables.events.show(events, filtered ? events.length : last.events_total);
}

function showTables(snapshot) {
  snapshotTime = new Date(snapshot.time);
  const bySince = (a, b) => (a.since < b.since ? -1 : 1);
  tables.transfers.show(snapshot.transfers.sort(bySince), snapshot.transfers_in_progress);
  tables.connections.show(snapshot.connections.sort(bySince), snapshot.connections_active);
  tables.services.show(snapshot.instances, snapshot.instances_total);
  const codes = Object.entries(snapshot.errors_by_code).filter(([, number]) => number > 0).sort((a, b) => b[1] - a[1]);
  tables.errors.show(codes, codes.length);
  showEvents();
}

function show(snapshot) {
  last = snapshot;
  showHealth(snapshot);
  showTiles(snapshot);
  showTables(snapshot);
  charts.add(snapshot.latest);
  say("version", `dray-monitor ${snapshot.version}`);
  arrived = performance.now();
  showFreshness();
}

// ---- News, and the lack of it ----

let source = null;
let arrived = null; // when the last snapshot came, by performance.now()
let closedSince = 0;
let asking = false;

const silentMs = () => (arrived === null ? performance.now() : performance.now() - arrived);

function showFreshness() {
  const stale = silentMs() > STALE_MS;
  document.body.classList.toggle("stale", stale);
  at("live").className = `live ${stale || arrived === null ? "off" : "on"}`;
  const streaming = source !== null && source.readyState === EventSource.OPEN;
  if (arrived === null) say("live-text", "connecting");
  else say("live-text", stale ? "not connected" : `${streaming ? "live" : "polling"}, ${format.clock(snapshotTime)}`);
  at("stale").hidden = !stale;
  if (!stale) return;
  const since = Math.round(silentMs() / 1000);
  say("stale", arrived === null ? `monitor has not answered for ${since} s. Trying on.`
    : `No news from monitor for ${since} s: what you see is from ${format.clock(snapshotTime)}. Trying on.`);
}

async function fetchJson(path) {
  const response = await fetch(path, {signal: AbortSignal.timeout(4000)});
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

async function fetchHistory() {
  try {
    charts.replace((await fetchJson("/api/history")).points);
  } catch {
    // It is asked for again with the next connection.
  }
}

function connect() {
  source = new EventSource("/api/stream");
  source.addEventListener("open", fetchHistory);
  source.addEventListener("snapshot", (event) => show(JSON.parse(event.data)));
  source.addEventListener("error", showFreshness);
}

async function poll() {
  asking = true;
  try {
    show(await fetchJson("/api/snapshot"));
  } catch {
    // The banner tells of the silence.
  }
  asking = false;
}

function tick() {
  showFreshness();
  if (source.readyState !== EventSource.CLOSED) closedSince = 0;
  else if (closedSince === 0) closedSince = performance.now();
  else if (performance.now() - closedSince > RECONNECT_MS) connect();
  if (silentMs() > POLL_AFTER_MS && !asking) poll();
}

// ---- Theme ----

const dark = matchMedia("(prefers-color-scheme: dark)");
let theme = "auto";
try {
  theme = THEMES.find((each) => each === localStorage.getItem("theme")) ?? "auto";
} catch {
  // Without storage the choice lasts as long as the page.
}

function applyTheme() {
  const isDark = theme === "dark" || (theme === "auto" && dark.matches);
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  say("theme", `Theme: ${theme}`);
}

function nextTheme() {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // As above.
  }
  repaint();
}

function repaint() {
  applyTheme();
  charts.paint();
}

applyTheme();
const charts = new Charts();
dark.addEventListener("change", repaint);
at("theme").addEventListener("click", nextTheme);
at("event-level").addEventListener("change", showEvents);
at("event-text").addEventListener("input", showEvents);
connect();
setInterval(tick, 1000);
