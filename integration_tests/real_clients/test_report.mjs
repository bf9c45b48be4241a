// Reports of syncs in Chromium: the one of the quickstart, and those of the connector's own integration tests.
//
// `report.png` in the working directory is the picture of docs/report.md.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { chromium } from 'playwright-core';

const { REPOSITORY, CARGO_TARGET_DIR, PATH } = process.env;
const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1180, height: 900 };
// The least contrast of text (Web Content Accessibility Guidelines 2.2, 1.4.3).
const CONTRAST = 4.5;

let browser;
let reports;

function cargo(...options) {
    execFileSync('cargo', options, { cwd: REPOSITORY, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** The first of the programs that is installed. */
function installed(...programs) {
    const files = programs.flatMap((program) => PATH.split(':').map((folder) => path.join(folder, program)));
    return files.find((file) => fs.existsSync(file));
}

before(async () => {
    const folder = path.resolve('reports');
    fs.mkdirSync(folder);
    process.env.REPORTS_DIR = folder;
    cargo('test', '--locked', '--test', 'integration', '--quiet', 'report::');
    cargo('quickstart');
    const target = CARGO_TARGET_DIR ?? path.join(REPOSITORY, 'target');
    fs.copyFileSync(path.join(target, 'quickstart/rejected/1/report.html'), path.join(folder, 'quickstart.html'));
    reports = fs.readdirSync(folder).map((name) => path.join(folder, name));
    // Chromium refuses its sandbox to root.
    browser = await chromium.launch({ executablePath: installed('chromium', 'google-chrome'), args: ['--no-sandbox'] });
});

after(() => browser?.close());

/** Opens a report. Everything that a page should not do is in `complaints`. */
async function open(file, options) {
    const page = await browser.newPage(options);
    const complaints = [];
    page.on('console', (message) => complaints.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(`error: ${error}`));
    page.on('dialog', (dialog) => complaints.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
    page.on('request', (request) => request.isNavigationRequest() || complaints.push(`request: ${request.url()}`));
    await page.goto(pathToFileURL(file).href);
    return { page, complaints };
}

const quickstart = () => reports.find((file) => file.endsWith('quickstart.html'));

/** The elements that leave the viewport, and the texts that cannot be read. Runs in the page. */
function lookAt(leastContrast) {
    const channels = (color) => color.match(/[\d.]+/g).map(Number);
    const luminance = (color) => {
        const linear = (part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        const [red, green, blue] = channels(color).map((channel) => linear(channel / 255));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const isTransparent = (color) => channels(color)[3] === 0;
    const backgroundOf = (element) => {
        const color = getComputedStyle(element).backgroundColor;
        if (!isTransparent(color)) return color;
        return element.parentElement ? backgroundOf(element.parentElement) : 'rgb(255, 255, 255)';
    };
    const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const problems = [];
    if (document.documentElement.scrollWidth > innerWidth) problems.push('the page scrolls sideways');
    for (const element of document.querySelectorAll('main *')) {
        if (element.closest('svg') || getComputedStyle(element).display === 'none') continue;
        const { left, right, width, height } = element.getBoundingClientRect();
        const name = `${element.tagName} ${element.textContent.slice(0, 60)}`;
        if (left < -0.5 || right > innerWidth + 0.5) problems.push(`leaves the page: ${name}`);
        if (!hasText(element) || element.closest('thead')) continue;
        if (width < 1 || height < 1) problems.push(`is not visible: ${name}`);
        const [one, other] = [getComputedStyle(element).color, backgroundOf(element)].map(luminance);
        const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (contrast < leastContrast) problems.push(`has a contrast of ${contrast.toFixed(1)}: ${name}`);
    }
    return problems;
}

for (const colorScheme of ['light', 'dark']) {
    for (const [name, viewport] of [['phone', PHONE], ['desktop', DESKTOP]]) {
        test(`every report fits a ${name} and can be read in ${colorScheme}`, async () => {
            assert.ok(reports.length >= 6, `${reports.length} reports`);
            for (const file of reports) {
                const { page, complaints } = await open(file, { viewport, colorScheme });
                assert.deepEqual(await page.evaluate(lookAt, CONTRAST), [], file);
                assert.deepEqual(complaints, [], file);
                await page.close();
            }
        });
    }
}

test('the colors follow the setting of the browser, and a print is light', async () => {
    const background = (page) => page.evaluate(() => getComputedStyle(document.querySelector('section')).backgroundColor);
    const { page } = await open(quickstart(), { colorScheme: 'dark' });
    assert.equal(await background(page), 'rgb(27, 33, 41)');
    await page.emulateMedia({ colorScheme: 'light' });
    assert.equal(await background(page), 'rgb(255, 255, 255)');
    await page.emulateMedia({ colorScheme: 'dark', media: 'print' });
    assert.equal(await background(page), 'rgb(255, 255, 255)');
    await page.close();
});

test('each job has a bar whose parts follow one another', async () => {
    const { page } = await open(quickstart(), { viewport: DESKTOP });
    const jobs = await page.evaluate(() =>
        [...document.querySelectorAll('.job')].filter((job) => job.querySelector('code')).map((job) => ({
            track: job.querySelector('.track').getBoundingClientRect().toJSON(),
            bars: [...job.querySelectorAll('rect')].map((bar) => bar.getBoundingClientRect().toJSON()),
            titles: [...job.querySelectorAll('rect title')].map((title) => title.textContent),
        })));
    assert.ok(jobs.length >= 2, `${jobs.length} jobs`);
    for (const { track, bars, titles } of jobs) {
        assert.ok(bars.length >= 2 && titles.length === bars.length, titles.join('\n'));
        for (const { left, right, width } of bars) {
            assert.ok(width > 0 && left >= track.left - 1 && right <= track.right + 1, titles.join('\n'));
        }
        assert.deepEqual(bars.map((bar) => bar.left), bars.map((bar) => bar.left).sort((one, other) => one - other));
    }
    await page.close();
});

test('a search has a bar of its own in the color of the legend', async () => {
    const file = reports.find((report) => fs.readFileSync(report, 'utf8').includes('<title>Searching: '));
    const { page } = await open(file, { viewport: DESKTOP });
    const searches = await page.evaluate(() => {
        const color = getComputedStyle(document.querySelector('.swatch.search')).backgroundColor;
        const rows = [...document.querySelectorAll('.job')].filter((row) => row.textContent.includes('Search for'));
        return rows.map((row) => {
            const bar = row.querySelector('rect.search');
            return { width: bar.getBoundingClientRect().width, isOfLegend: getComputedStyle(bar).fill === color };
        });
    });
    assert.ok(searches.length >= 3, `${searches.length} searches`);
    assert.ok(searches.every(({ width, isOfLegend }) => width > 0 && isOfLegend), JSON.stringify(searches));
    await page.close();
});

test('what comes from outside is shown as text', async () => {
    const text = "<script>alert('stream')</script>";
    const file = reports.find((report) => fs.readFileSync(report, 'utf8').includes('alert('));
    const { page, complaints } = await open(file, {});
    assert.equal(await page.locator('script').count(), 0);
    assert.ok(await page.getByText(text).first().isVisible());
    assert.deepEqual(complaints, []);
    await page.close();
});

test('the picture of the docs is made', async () => {
    const { page } = await open(quickstart(), { viewport: { width: 960, height: 600 }, colorScheme: 'light' });
    const clip = { x: 0, y: 0, width: 960, height: 1320 };
    await page.screenshot({ path: 'report.png', fullPage: true, clip });
    assert.ok(fs.statSync('report.png').size > 10_000);
    await page.close();
});
