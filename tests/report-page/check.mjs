// Looks at report pages in headless Chromium, at three widths, light and dark, and as it prints, and has axe-core judge.
//
//   node check.mjs [--shots FOLDER] PAGE.html...
//
// Speaks the DevTools protocol through a pipe, so that it needs nothing but Node, Chromium and axe-core. Ends with 1
// when a page breaks a rule, is wider than its window, or says something on the console; with 2 when it cannot look.
// CHROMIUM names the program when it is not on PATH under one of the usual names; AXE the file axe.min.js.

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

const WINDOWS = [[380, "light"], [900, "dark"], [1440, "light"]];
/** With pictures, every width in every scheme. */
const ALL_WINDOWS = [380, 900, 1440].flatMap((width) => [[width, "light"], [width, "dark"]]);
const PATIENCE = 300_000;

const pages = process.argv.slice(2);
let shots = null;
if (pages[0] === "--shots") {
  shots = pages[1];
  pages.splice(0, 2);
  mkdirSync(shots, { recursive: true });
}
if (pages.length === 0) fail("name a page");

function fail(why) {
  console.error(`cannot look: ${why}`);
  process.exit(2);
}

function chromium() {
  const names = process.env.CHROMIUM ? [process.env.CHROMIUM] : ["chromium", "chromium-browser", "google-chrome"];
  const found = names.find((name) => spawnSync(name, ["--version"]).status === 0);
  return found ?? fail("there is no Chromium");
}

/** One browser, spoken to by null-terminated JSON on descriptors 3 and 4. */
class Browser {
  constructor() {
    this.profile = mkdtempSync(join(tmpdir(), "report-page-"));
    const flags = [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
      "--disable-extensions", "--disable-background-networking", "--hide-scrollbars", "--remote-debugging-pipe",
      `--user-data-dir=${this.profile}`, "about:blank",
    ];
    this.process = spawn(chromium(), flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.waiting = new Map();
    this.listeners = [];
    this.number = 0;
    let rest = "";
    this.process.stdio[4].on("data", (data) => {
      const parts = (rest + data).split("\0");
      rest = parts.pop();
      for (const part of parts) this.hear(JSON.parse(part));
    });
    this.process.on("exit", () => {
      for (const { reject } of this.waiting.values()) reject(new Error("Chromium ended"));
    });
  }

  hear(message) {
    if (message.id === undefined) {
      for (const listener of this.listeners) listener(message);
      return;
    }
    const { resolve, reject } = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.error) reject(new Error(message.error.message));
    else resolve(message.result);
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.number;
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  once(method, sessionId) {
    return new Promise((resolve) => {
      const listener = (message) => {
        if (message.method !== method || message.sessionId !== sessionId) return;
        this.listeners.splice(this.listeners.indexOf(listener), 1);
        resolve(message.params);
      };
      this.listeners.push(listener);
    });
  }

  async tab() {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const send = (method, params) => this.send(method, params, sessionId);
    for (const domain of ["Page", "Runtime", "Log"]) await send(`${domain}.enable`);
    // axe asks for what the page itself is not allowed to do.
    await send("Page.setBypassCSP", { enabled: true });
    return { send, sessionId };
  }

  async close() {
    await this.send("Browser.close").catch(() => {});
    await new Promise((resolve) => (this.process.exitCode === null ? this.process.once("exit", resolve) : resolve()));
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function evaluate(tab, expression) {
  const { result, exceptionDetails } = await tab.send("Runtime.evaluate", {
    expression, awaitPromise: true, returnByValue: true,
  });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}

/** What is wrong with one page in one window. */
async function judge(tab, where, axe) {
  const problems = [];
  const wide = await evaluate(tab, "document.documentElement.scrollWidth - document.documentElement.clientWidth");
  if (wide > 0) problems.push(`${where}: the page is ${wide} px wider than the window`);
  const cut = await evaluate(tab, `[...document.querySelectorAll("h1, h2, p, li, dt, dd, td, th, .name, .took")]
    .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline" && !e.closest(".unseen"))
    .map((e) => e.tagName.toLowerCase() + " " + e.textContent.trim().slice(0, 60))`);
  for (const text of cut) problems.push(`${where}: text runs out of its box: ${text}`);
  await evaluate(tab, axe);
  const violations = await evaluate(tab, `axe.run(document, { resultTypes: ["violations"], elementRef: false }).then((found) =>
    found.violations.flatMap((rule) => rule.nodes.map((node) => rule.id + ": " + rule.help + ": " + node.target.join(" "))))`);
  return problems.concat(violations.map((violation) => `${where}: ${violation}`));
}

async function look(browser, page, axe) {
  const problems = [];
  const tab = await browser.tab();
  browser.listeners.push(({ method, sessionId, params }) => {
    if (sessionId === tab.sessionId && method === "Log.entryAdded") {
      problems.push(`${basename(page)}: the console says: ${params.entry.text}`);
    }
  });
  const name = basename(page, ".html");
  const loaded = browser.once("Page.loadEventFired", tab.sessionId);
  const { errorText } = await tab.send("Page.navigate", { url: pathToFileURL(page).href });
  if (errorText) throw new Error(`${page}: ${errorText}`);
  await loaded;
  const shoot = async (to) => {
    if (!shots) return;
    const { data } = await tab.send("Page.captureScreenshot", { captureBeyondViewport: true });
    writeFileSync(join(shots, `${name}-${to}.png`), Buffer.from(data, "base64"));
  };
  for (const [width, scheme] of shots ? ALL_WINDOWS : WINDOWS) {
    await tab.send("Emulation.setEmulatedMedia", {
      media: "screen", features: [{ name: "prefers-color-scheme", value: scheme }],
    });
    await tab.send("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: false });
    problems.push(...(await judge(tab, `${name} ${width} ${scheme}`, axe)));
    await shoot(`${width}-${scheme}`);
  }
  // Printed from a dark screen: paper is white all the same.
  await tab.send("Emulation.setDeviceMetricsOverride", { width: 690, height: 980, deviceScaleFactor: 1, mobile: false });
  await tab.send("Emulation.setEmulatedMedia", {
    media: "print", features: [{ name: "prefers-color-scheme", value: "dark" }],
  });
  problems.push(...(await judge(tab, `${name} print`, axe)));
  await shoot("print");
  const { data } = await tab.send("Page.printToPDF", { printBackground: false, preferCSSPageSize: true });
  const pdf = Buffer.from(data, "base64");
  if (pdf.length < 5000) problems.push(`${name} print: the PDF is empty`);
  if (shots) writeFileSync(join(shots, `${name}.pdf`), pdf);
  return problems;
}

const axe = readFileSync(process.env.AXE ?? new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const browser = new Browser();
const late = setTimeout(() => {
  browser.process.kill("SIGKILL");
  fail("it takes too long");
}, PATIENCE);
try {
  const problems = [];
  for (const page of pages) problems.push(...(await look(browser, page, axe)));
  await browser.close();
  clearTimeout(late);
  for (const problem of problems) console.log(problem);
  console.log(`${pages.length} pages, ${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} catch (error) {
  browser.process.kill("SIGKILL");
  fail(error.message);
}
