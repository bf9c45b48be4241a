// The form of `spec.json` in Chromium, by the rules of Airbyte's form (airbyte_form.mjs), and what it writes as the
// configuration of the connector.
//
// `form.png` in the working directory is the picture of docs/configuration.md.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import esbuild from 'esbuild';
import { chromium } from 'playwright-core';

const { REPOSITORY, CARGO_TARGET_DIR, NODE_MODULES, ORG_CLIENT_ID, ORG_CLIENT_SECRET, ORG_URL, PATH } = process.env;
const here = (name) => path.join(REPOSITORY, 'integration_tests/real_clients', name);
const spec = JSON.parse(fs.readFileSync(path.join(REPOSITORY, 'spec.json'), 'utf8'));
const schema = spec.connectionSpecification;
const program = path.join(CARGO_TARGET_DIR ?? path.join(REPOSITORY, 'target'), 'debug/destination-salesforce');

let browser;
let script;

/** The first of the programs that is installed. */
function installed(...programs) {
    const files = programs.flatMap((name) => PATH.split(':').map((folder) => path.join(folder, name)));
    return files.find((file) => fs.existsSync(file));
}

before(async () => {
    const bundle = await esbuild.build({
        entryPoints: [here('airbyte_form.mjs')],
        bundle: true,
        write: false,
        format: 'iife',
        nodePaths: [NODE_MODULES],
        define: { 'process.env.NODE_ENV': '"production"' },
    });
    script = bundle.outputFiles[0].text;
    // Chromium refuses its sandbox to root.
    browser = await chromium.launch({ executablePath: installed('chromium', 'google-chrome'), args: ['--no-sandbox'] });
});

after(() => browser?.close());

async function open() {
    const page = await browser.newPage({ viewport: { width: 860, height: 900 } });
    const complaints = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(`${error}`));
    const style = fs.readFileSync(here('airbyte_form.css'), 'utf8');
    await page.setContent(`<style>${style}</style><main id="form"></main>`);
    await page.addScriptTag({ content: script });
    await page.evaluate((drawn) => window.draw(drawn), schema);
    await page.waitForFunction(() => window.filled?.credentials && document.querySelector('[data-key=root_credentials]'));
    return { page, complaints, filled: () => page.evaluate(() => window.filled) };
}

/** The titles that a person sees in a part of the page, from top to bottom. */
function titles(page, part) {
    return page.evaluate((selector) =>
        [...document.querySelectorAll(`${selector} .label`)]
            .filter((label) => label.checkVisibility())
            .map((label) => label.firstChild.textContent), part);
}

const choose = (page, key, title) => page.selectOption(`[data-key=${key}] select >> nth=0`, { label: title });

test('the first thing to see is how to sign in, and nothing that it needs is hidden', async () => {
    const { page, complaints } = await open();
    const groups = await page.$$eval('.card', (cards) => cards.map((card) => card.querySelector('h2').textContent));
    assert.deepEqual(groups, schema.groups.map((group) => group.title));
    assert.deepEqual(await titles(page, '[data-group=connection]'), [
        'Sign-in', 'Client ID', 'Client Secret', 'Refresh Token', 'Sandbox', 'My Domain URL',
    ]);
    assert.deepEqual(complaints, []);
    await page.close();
});

test('the flows are offered in words, and each shows its keys', async () => {
    const { page, filled } = await open();
    const flows = await page.$$eval('[data-key=root_credentials] select >> nth=0 >> option', (all) => all.map((it) => it.textContent));
    const variants = schema.properties.credentials.oneOf;
    assert.deepEqual(flows, variants.map((variant) => variant.title));
    assert.deepEqual(flows.filter((flow) => flow.includes('deprecated')), ['User Name and Password (deprecated by Salesforce)']);
    for (const variant of variants) {
        await choose(page, 'root_credentials', variant.title);
        const keys = Object.entries(variant.properties).filter(([, rules]) => rules.const === undefined);
        assert.deepEqual(
            await titles(page, '[data-group=connection]'),
            ['Sign-in', ...keys.map(([, rules]) => rules.title)],
        );
        assert.equal((await filled()).credentials.auth_type, variant.properties.auth_type.const);
        for (const [key, rules] of keys.filter(([, it]) => it.airbyte_secret)) {
            const box = page.locator(`#root_credentials_${key}`);
            const expected = rules.multiline ? 'TEXTAREA' : 'password';
            assert.equal(await box.evaluate((it) => (it.tagName === 'TEXTAREA' ? it.tagName : it.type)), expected, key);
        }
    }
    await page.close();
});

test('each group shows its keys in order, and only one key is behind the optional ones', async () => {
    const { page } = await open();
    for (const { id } of schema.groups.slice(1)) {
        const keys = Object.values(schema.properties).filter((rules) => rules.group === id && !rules.airbyte_hidden);
        const visible = keys.filter((rules) => rules.always_show).map((rules) => rules.title);
        assert.deepEqual(await titles(page, `[data-group=${id}]`), visible, id);
    }
    const behind = page.locator('.card details .label');
    assert.deepEqual(await behind.evaluateAll((all) => all.map((it) => it.firstChild.textContent)), ['Report of Each Sync']);
    await page.close();
});

test('the bucket and a stream show what pages say to set', async () => {
    const { page, complaints } = await open();
    await choose(page, 'root_object_storage_config', 'S3');
    const storage = await titles(page, '[data-key=root_object_storage_config]');
    for (const title of ['Access Key ID', 'Role ARN', 'S3 Bucket Name', 'S3 Bucket Region', 'S3 Endpoint']) {
        assert.ok(storage.includes(title), `${title}: ${storage}`);
    }
    await page.getByText('+ Add Stream').click();
    const stream = await titles(page, '[data-key=root_streams]');
    for (const title of ['Stream', 'Object', 'Operation', 'External ID Field', 'Field Names', 'Match', 'Deletes']) {
        assert.ok(stream.includes(title), `${title}: ${stream}`);
    }
    assert.deepEqual(complaints, []);
    await page.close();
});

test('a form that lacks a key of the flow is not sent', async () => {
    const { page } = await open();
    await page.getByText('Set up destination').click();
    await page.waitForSelector(".error-detail, .text-danger, :invalid");
    assert.equal(await page.evaluate(() => window.submitted), undefined);
    await page.close();
});

test('a form that is filled in connects to the org, and an entry for a stream with only its name is valid', async () => {
    const { page } = await open();
    await choose(page, 'root_credentials', 'Client Credentials (the app signs in without a person)');
    for (const [key, value] of [['client_id', ORG_CLIENT_ID], ['client_secret', ORG_CLIENT_SECRET], ['domain_url', ORG_URL]]) {
        await page.fill(`#root_credentials_${key}`, value);
    }
    await page.getByText('+ Add Stream').click();
    await page.fill('#root_streams_0_stream', 'customers');
    await page.getByText('Set up destination').click();
    await page.waitForFunction(() => window.submitted);
    fs.writeFileSync('config.json', JSON.stringify(await page.evaluate(() => window.submitted)));
    const { stdout } = spawnSync(program, ['check', '--config', 'config.json'], { encoding: 'utf8' });
    const answer = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)).find((it) => it.connectionStatus);
    assert.equal(answer?.connectionStatus.status, 'SUCCEEDED', stdout);
    await page.close();
});

test('the picture of the docs is made', async () => {
    const { page } = await open();
    await page.screenshot({ path: 'form.png', fullPage: true });
    assert.ok(fs.statSync('form.png').size > 10_000);
    await page.close();
});
