// jsforce: inserts records, either an array that is read from a file with one JSON object on each line, or a CSV file as
// a stream. It polls at its default interval, and waits longer than its default limit of 30 seconds.

import { createReadStream, readFileSync } from 'node:fs';

import jsforce from 'jsforce';

const [kind, file, expected] = process.argv.slice(2);
const { ORG_URL: instanceUrl, ORG_ACCESS_TOKEN: accessToken } = process.env;
const org = new jsforce.Connection({ instanceUrl, accessToken, version: '62.0' });
org.bulk2.pollTimeout = 600_000;

const records = () => readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
const input = kind === 'array' ? records() : createReadStream(file);
const results = await org.bulk2.loadAndWaitForResults({
    object: 'Contact', operation: 'insert', input, lineEnding: 'LF',
});
const written = results.successfulResults.length;
if (written !== Number(expected)) {
    console.error(`${written} of ${expected} records were written`, results.failedResults[0]);
    process.exit(1);
}
