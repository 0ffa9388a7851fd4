// Numbers and times as people read them.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

export function bytes(value) {
  let unit = 0;
  let scaled = Math.max(0, value);
  while (scaled >= 1024 && unit + 1 < UNITS.length) {
    scaled /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits).replace(/\.0+$/, "")} ${UNITS[unit]}`;
}

export const rate = (value) => `${bytes(value)}/s`;

export const count = (value) => Math.round(value).toLocaleString("en");

export const percent = (part, whole) =>
  whole > 0 ? `${((100 * Math.min(part, whole)) / whole).toFixed(part >= whole ? 0 : 1)} %` : "–";

// One digit after the point below ten, unless it is a zero.
const short = (value) => value.toFixed(value < 10 ? 1 : 0).replace(".0", "");

export function duration(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  if (seconds <= 0) return "0 s";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${short(seconds * 1000)} ms`;
  if (seconds < 60) return `${short(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

const two = (value) => String(value).padStart(2, "0");

export function clock(date) {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

// With the day, unless it is today.
export function moment(text) {
  const date = new Date(text);
  const today = new Date().toDateString() === date.toDateString();
  return today ? clock(date) : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(date)}`;
}
