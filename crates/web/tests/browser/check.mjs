// Opens the pages of a running Greffier in Chromium: every page in both languages, light and dark,
// wide and on a phone, against the rules of axe-core; then what agents do, by mouse, by keyboard
// alone and without scripts.
//
//   node check.mjs http://127.0.0.1:8080 [--chromium PATH] [--screenshots DIR]
//
// The data are those of the demonstration. Its last line is "N passed, N failed".

import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import puppeteer from "puppeteer-core";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    chromium: { type: "string", default: "/usr/bin/chromium" },
    screenshots: { type: "string" },
  },
});
const base = positionals[0];
if (!base) {
  console.error("usage: node check.mjs http://127.0.0.1:8080");
  process.exit(2);
}
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WEEK = "2026-W47";
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const WIDE = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 740 };
const LOOKS = [
  ["light", WIDE],
  ["dark", WIDE],
  ["light", PHONE],
];

let passed = 0;
let failed = 0;
if (options.screenshots) await mkdir(options.screenshots, { recursive: true });

const browser = await puppeteer.launch({
  executablePath: options.chromium,
  // A sandbox within the container or the machine of tests, which is root there.
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});

async function step(name, work) {
  const page = await browser.newPage();
  const said = [];
  page.on("pageerror", (error) => said.push(`script error: ${error.message}`));
  page.on("response", (r) => {
    if (r.status() >= 500) said.push(`${r.status()} ${r.url()}`);
    if (!r.url().startsWith(base) && !r.url().startsWith("data:")) said.push(`asked elsewhere: ${r.url()}`);
  });
  try {
    await page.setViewport(WIDE);
    await work(page);
    if (said.length > 0) throw new Error(said.join("\n"));
    passed += 1;
  } catch (error) {
    failed += 1;
    console.log(`failed: ${name}\n  ${String(error.message).replaceAll("\n", "\n  ")}`);
  } finally {
    await page.close();
  }
}

function ensure(holds, said) {
  if (!holds) throw new Error(said);
}

const open = (page, path) => page.goto(base + path, { waitUntil: "load" });
const text = (page) => page.evaluate(() => document.body.innerText);
const href = (page, selector) => page.$eval(selector, (a) => a.getAttribute("href"));
const hrefs = (page, selector) => page.$$eval(selector, (all) => all.map((a) => a.getAttribute("href")));

// A press of Enter or a click that opens another page.
async function going(page, act) {
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), act()]);
}

// Tabs until an element that matches has the focus, as somebody without a mouse does.
async function tabTo(page, selector, most = 120) {
  for (let n = 0; n < most; n += 1) {
    await page.keyboard.press("Tab");
    const state = await page.evaluate((wanted) => {
      const at = document.activeElement;
      if (!at || at === document.body) return "nowhere";
      const box = at.getBoundingClientRect();
      const shown = getComputedStyle(at);
      const ring = shown.outlineStyle !== "none" && parseFloat(shown.outlineWidth) > 0;
      if (box.width > 0 && !ring) return `no ring on ${at.outerHTML.slice(0, 120)}`;
      return at.matches(wanted) ? "there" : "elsewhere";
    }, selector);
    ensure(!state.startsWith("no ring"), `the focus cannot be seen: ${state}`);
    if (state === "there") return;
  }
  throw new Error(`no way by Tab to ${selector}`);
}

// What is open to everybody on the demonstration's data.
const first = await browser.newPage();
await open(first, "/");
const review = await href(first, ".lines a[href^='/documents/']");
await first.close();
const pages = [
  "/",
  review,
  `${review}/why`,
  "/search?q=lampadaires",
  "/search?q=r%C3%A8gles+du+cricket+indien",
  "/synthesis",
  `/synthesis/field-reports/${WEEK}`,
  "/nowhere",
];

for (const path of pages) {
  for (const lang of ["fr", "en"]) {
    for (const [scheme, viewport] of LOOKS) {
      const address = lang === "fr" ? path : `${path}${path.includes("?") ? "&" : "?"}lang=en`;
      const look = `${scheme} ${viewport.width}`;
      await step(`${address}, ${look}`, async (page) => {
        await page.setViewport(viewport);
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        await open(page, address);
        await page.evaluate(axe);
        const found = await page.evaluate(
          (tags) => globalThis.axe.run(document, { runOnly: tags }),
          TAGS,
        );
        const said = found.violations.map(
          (v) => `${v.id} (${v.impact}): ${v.help}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join("; ")}`,
        );
        ensure(said.length === 0, said.join("\n"));
        const spoken = await page.$eval("html", (html) => html.lang);
        ensure(spoken === lang, `the page says that it is in ${spoken}`);
        const wider = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        ensure(wider <= 0, `the page is ${wider} pixels wider than its window`);
        if (options.screenshots) {
          const name = `${address}-${look}`.replaceAll(/[^a-z0-9]+/gi, "-");
          await page.screenshot({ path: `${options.screenshots}/${name}.png`, fullPage: true });
        }
      });
    }
  }
}

// Decides about the first document that waits.
async function decide(page, choose) {
  await open(page, "/");
  const waiting = ".lines a[href^='/documents/']";
  const before = await hrefs(page, waiting);
  ensure(before.length > 0, "nothing waits");
  await choose(page, waiting);
  ensure(page.url().includes("recorded"), `nothing was recorded: ${page.url()}\n${await text(page)}`);
  ensure((await page.$(".notice.done")) !== null, "the page does not say that it was recorded");
}

async function byName(page) {
  const field = await page.$("input[name='by']");
  if (field) {
    await field.evaluate((input) => (input.value = ""));
    await field.type("Camille Martin");
  }
}

await step("a decision by mouse", (page) =>
  decide(page, async (page, waiting) => {
    await going(page, () => page.click(waiting));
    await page.click(".choices input[type='radio']");
    await byName(page);
    await going(page, () => page.click(".decide button[type='submit']"));
  }),
);

await step("a decision without scripts", async (page) => {
  await page.setJavaScriptEnabled(false);
  await decide(page, async (page, waiting) => {
    await going(page, () => page.click(waiting));
    await page.click(".choices input[type='radio']");
    const field = await page.$("input[name='by']");
    if (field) await field.type("Camille Martin");
    await going(page, () => page.click(".decide button[type='submit']"));
  });
});

await step("a decision by keyboard alone", (page) =>
  decide(page, async (page, waiting) => {
    // The first Tab offers to pass over what every page begins with.
    await tabTo(page, ".skip", 1);
    await page.keyboard.press("Enter");
    await tabTo(page, waiting);
    await going(page, () => page.keyboard.press("Enter"));
    await tabTo(page, ".choices input[type='radio']");
    await page.keyboard.press("Space");
    if (await page.$("input[name='by']")) {
      await tabTo(page, "input[name='by']");
      await page.keyboard.type("Camille Martin");
    }
    await tabTo(page, ".decide button[type='submit']");
    await going(page, () => page.keyboard.press("Enter"));
  }),
);

await step("a search, opened where its words are", async (page) => {
  await open(page, "/");
  await page.type("#q", "éclairage du parking");
  await going(page, () => page.keyboard.press("Enter"));
  ensure((await page.$$(".hits > li")).length > 0, "nothing was found");
  ensure((await page.$(".hits mark")) !== null, "no word of a snippet is highlighted");
  await going(page, () => page.click(".hits h3 a"));
  ensure(page.url().includes("#cited"), `the document opens at its beginning: ${page.url()}`);
  ensure((await page.$("#cited")) !== null, "the passage is not marked in the document");
});

await step("a search that finds nothing says so", async (page) => {
  await open(page, "/search?q=r%C3%A8gles+du+cricket+indien");
  ensure((await page.$$("[aria-labelledby='results'] .hits > li")).length === 0, "something was found");
});

await step("a synthesis and three of its quotes", async (page) => {
  await open(page, "/synthesis");
  await going(page, () => page.click(`a[href*='/synthesis/field-reports/${WEEK}']`));
  const quotes = await hrefs(page, "blockquote a[href*='#cited']");
  ensure(quotes.length >= 3, `the page has ${quotes.length} quotes`);
  for (const quote of quotes.slice(0, 3)) {
    await open(page, quote);
    ensure((await page.$("#cited")) !== null, `${quote} shows no passage`);
  }
});

await step("a synthesis without scripts, and its files", async (page) => {
  await page.setJavaScriptEnabled(false);
  await open(page, `/synthesis/field-reports/${WEEK}`);
  const files = await hrefs(page, "a[download]");
  ensure(files.length >= 6, `the page offers ${files.length} files`);
});

await step("a decision traced back, by keyboard", async (page) => {
  await open(page, review);
  await tabTo(page, "a[href$='/why']");
  await going(page, () => page.keyboard.press("Enter"));
  ensure((await page.$("table")) !== null, "the page lists no operation");
});

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
