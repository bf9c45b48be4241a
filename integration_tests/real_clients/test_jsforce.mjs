// jsforce against the simulated org: Bulk API 2.0. The cases follow jsforce's own test/bulk2.test.ts, which runs against
// real orgs.

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';

import jsforce from 'jsforce';

const { ORG_URL: instanceUrl, ORG_ACCESS_TOKEN: accessToken, ORG_CLIENT_ID, ORG_CLIENT_SECRET } = process.env;

function connect(options) {
    const org = new jsforce.Connection({ instanceUrl, accessToken, version: '62.0', ...options });
    // Milliseconds; a job ends at once here.
    org.bulk2.pollInterval = 20;
    return org;
}

const org = connect({});
const load = (operation, input, more) =>
    org.bulk2.loadAndWaitForResults({ object: 'Account', operation, input, ...more });
const counts = ({ successfulResults, failedResults, unprocessedRecords }) =>
    [successfulResults, failedResults, unprocessedRecords].map((rows) => rows.length);
const distinct = (rows, column) => [...new Set(rows.map((row) => row[column]))];

test('records are inserted, updated and deleted', async () => {
    const rows = Array.from({ length: 20 }, (_, number) => ({ Name: `Example ${number}`}));
    const inserted = await load('insert', rows);
    assert.deepEqual(counts(inserted), [20, 0, 0]);
    assert.deepEqual(distinct(inserted.successfulResults, 'sf__Created'), ['true']);
    const ids = inserted.successfulResults.map((row) => row.sf__Id);

    const updated = await load('update', ids.map((Id) => ({ Id, Name: 'Changed', Phone: null })));
    assert.deepEqual(counts(updated), [20, 0, 0]);
    assert.deepEqual(distinct(updated.successfulResults, 'sf__Created'), ['false']);
    const record = await org.sobject('Account').retrieve(ids[0]);
    assert.deepEqual([record.Name, record.Phone], ['Changed', null]);

    const deleted = await load('delete', ids.map((Id) => ({ Id, Name: 'left out by the client' })));
    assert.deepEqual(counts(deleted), [20, 0, 0]);
    assert.deepEqual(distinct(deleted.successfulResults, 'sf__Created'), ['false']);
    await assert.rejects(org.sobject('Account').retrieve(ids[0]), { name: 'NOT_FOUND' });
});

test('results keep the headers of a file and the line feeds in its values', async () => {
    const text = 'NAME,BILLINGSTREET,ANNUALREVENUE\n"Example, Ltd","1 Example Street\nExampleton",3.00E+07\n';
    const inserted = await load('insert', Readable.from([text]), { lineEnding: 'LF' });
    assert.deepEqual(counts(inserted), [1, 0, 0]);
    const [row] = inserted.successfulResults;
    assert.deepEqual(Object.keys(row).sort(), ['ANNUALREVENUE', 'BILLINGSTREET', 'NAME', 'sf__Created', 'sf__Id']);
    assert.equal(row.BILLINGSTREET, '1 Example Street\nExampleton');
});

test('an upsert by Id without that column creates', async () => {
    const text = 'NAME`TYPE`PHONE`ANNUALREVENUE\nexample 1`Customer`1`0\nexample 2`Customer`2`1000\n';
    const upserted = await load('upsert', text, { columnDelimiter: 'BACKQUOTE', externalIdFieldName: 'Id' });
    assert.deepEqual(counts(upserted), [2, 0, 0]);
    assert.deepEqual(distinct(upserted.successfulResults, 'sf__Created'), ['true']);
});

test('a job without rows succeeds', async () => {
    assert.deepEqual(counts(await load('insert', [])), [0, 0, 0]);
    assert.deepEqual(counts(await load('delete', [])), [0, 0, 0]);
});

test('a row without a name fails alone', async () => {
    const rows = Array.from({ length: 200 }, (_, number) => ({ Name: 'Example', NumberOfEmployees: 300 * number }));
    const inserted = await load('insert', [...rows, { BillingState: 'CA' }]);
    assert.deepEqual(counts(inserted), [200, 1, 0]);
    const [failed] = inserted.failedResults;
    assert.equal(failed.sf__Id, '');
    assert.equal(failed.sf__Error, 'REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --');
});

test('an unknown column fails the job', async () => {
    const job = org.bulk2.createJob({ object: 'Account', operation: 'insert' });
    await job.open();
    await job.uploadData('Name,Nothing__c\na,b\n');
    await job.close();
    const reason = 'InvalidBatch : Field name not found : Nothing__c';
    await assert.rejects(job.poll(20, 10_000), { message: `Ingest job failed to complete due to: ${reason}` });
    const { state, errorMessage } = await job.check();
    assert.deepEqual([state, errorMessage], ['Failed', reason]);
});

test('a delete takes ids only', async () => {
    const job = org.bulk2.createJob({ object: 'Account', operation: 'delete' });
    await job.open();
    await job.uploadData('Id,Name\n001000000000000AAA,a\n');
    await job.close();
    await assert.rejects(job.poll(20, 10_000), /InvalidBatch : The 'delete' batch must contain only ids/);
});

test('an unknown object makes no job', async () => {
    const job = org.bulk2.createJob({ object: 'Nothing__c', operation: 'insert' });
    await assert.rejects(job.open(), { name: 'INVALIDENTITY' });
});

test('an upsert without a key makes no job', async () => {
    const job = org.bulk2.createJob({ object: 'Account', operation: 'upsert' });
    await assert.rejects(job.open(), { name: 'INVALIDJOB' });
});

test('a job is aborted and deleted', async () => {
    const job = org.bulk2.createJob({ object: 'Account', operation: 'insert' });
    await job.open();
    await job.abort();
    assert.equal((await job.check()).state, 'Aborted');
    await job.delete();
    await assert.rejects(job.check(), { name: 'NOT_FOUND' });
});

test('an expired session is refused', async () => {
    const { bulk2 } = connect({ accessToken: 'not a token' });
    const insert = bulk2.loadAndWaitForResults({ object: 'Account', operation: 'insert', input: [{ Name: 'Example' }] });
    await assert.rejects(insert, { name: 'INVALID_SESSION_ID' });
});

test('an expired session is renewed once', async () => {
    let renewals = 0;
    const refreshFn = (_, done) => {
        renewals += 1;
        done(null, accessToken);
    };
    const { bulk2 } = connect({ accessToken: 'not a token', refreshFn });
    const input = [{ Name: 'Example' }];
    const inserted = await bulk2.loadAndWaitForResults({ object: 'Account', operation: 'insert', input });
    assert.deepEqual([renewals, ...counts(inserted)], [1, 1, 0, 0]);
});

test('client credentials lead to the org', async () => {
    const signedIn = new jsforce.Connection({
        oauth2: { loginUrl: instanceUrl, clientId: ORG_CLIENT_ID, clientSecret: ORG_CLIENT_SECRET },
    });
    await signedIn.authorize({ grant_type: 'client_credentials' });
    assert.equal(signedIn.instanceUrl, instanceUrl);
});

test('a query job is read to its end', async () => {
    const names = Array.from({ length: 450 }, (_, number) => `Read, "${number}"`);
    await load('insert', names.map((Name) => ({ Name })));
    const soql = "SELECT Name, IsDeleted, LastModifiedDate, Parent.Name FROM Account WHERE Name LIKE 'Read, %'";
    const read = await (await org.bulk2.query(soql)).toArray();
    assert.deepEqual(read.map((row) => row.Name).sort(), names.sort());
    const columns = ['IsDeleted', 'LastModifiedDate', 'Name', 'Parent.Name'];
    assert.deepEqual(Object.keys(read[0]).sort(), columns);

    const [{ Id }] = (await org.query("SELECT Id FROM Account WHERE Name = 'Read, \"7\"'")).records;
    await load('delete', [{ Id }]);
    assert.equal((await (await org.bulk2.query(soql)).toArray()).length, 449);
    const all = await (await org.bulk2.query(soql, { scanAll: true })).toArray();
    assert.deepEqual(all.filter((row) => row.IsDeleted === 'true').map((row) => row.Name), ['Read, "7"']);

    const rest = await org.query(soql, { autoFetch: true, maxFetch: 1000, headers: { 'Sforce-Query-Options': 'batchSize=200' } });
    assert.deepEqual([rest.records.length, rest.totalSize, rest.done], [449, 449, true]);
});

test('a query that no job can run is refused', async () => {
    const message = 'Selecting compound data not supported in Bulk Query';
    await assert.rejects(org.bulk2.query('SELECT BillingAddress FROM Account'), { name: 'API_ERROR', message });
});
