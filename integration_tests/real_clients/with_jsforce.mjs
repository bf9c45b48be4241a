// jsforce: Bulk API 2.0. The cases follow jsforce's own test/bulk2.test.ts, which is run against real orgs.

import { Readable } from 'node:stream';

import jsforce from 'jsforce';

import { check, checkHolds } from './checks.mjs';

const { ORG_URL: instanceUrl, ORG_ACCESS_TOKEN: accessToken, ORG_CLIENT_ID, ORG_CLIENT_SECRET } = process.env;

function connect(options) {
    const org = new jsforce.Connection({ instanceUrl, accessToken, version: '62.0', ...options });
    // Milliseconds; jobs here are over at once.
    org.bulk2.pollInterval = 20;
    return org;
}

const org = connect({});
const load = (operation, input, more) =>
    org.bulk2.loadAndWaitForResults({ object: 'Account', operation, input, ...more });
const count = ({ successfulResults, failedResults, unprocessedRecords }) =>
    [successfulResults, failedResults, unprocessedRecords].map((rows) => rows.length);
const each = (rows, column) => [...new Set(rows.map((row) => row[column]))];

/** The name and the text of the error that a promise ends with. */
async function refusal(promise) {
    try {
        await promise;
    } catch (error) {
        return { name: error.name, message: error.message };
    }
    return { name: 'no error', message: 'no error' };
}

async function success() {
    const rows = Array.from({ length: 20 }, (_, number) => ({ Name: `Example ${number}`}));
    const inserted = await load('insert', rows);
    check('an insert', count(inserted), [20, 0, 0]);
    check('inserted rows are told as created', each(inserted.successfulResults, 'sf__Created'), ['true']);
    const ids = inserted.successfulResults.map((row) => row.sf__Id);

    const updated = await load('update', ids.map((Id) => ({ Id, Name: 'Changed', Phone: null })));
    check('an update', count(updated), [20, 0, 0]);
    check('updated rows are told as not created', each(updated.successfulResults, 'sf__Created'), ['false']);
    const record = await org.sobject('Account').retrieve(ids[0]);
    check('the update changed the record', [record.Name, record.Phone], ['Changed', null]);

    const deleted = await load('delete', ids.map((Id) => ({ Id, Name: 'left out by the client' })));
    check('a delete', count(deleted), [20, 0, 0]);
    check('deleted rows are told as not created', each(deleted.successfulResults, 'sf__Created'), ['false']);
    const gone = await refusal(org.sobject('Account').retrieve(ids[0]));
    check('a deleted record is not found', gone.name, 'NOT_FOUND');
}

async function files() {
    const text = 'NAME,BILLINGSTREET,ANNUALREVENUE\n"Example, Ltd","1 Example Street\nExampleton",3.00E+07\n';
    const streamed = await load('insert', Readable.from([text]), { lineEnding: 'LF' });
    check('a file with upper-case headers and line feeds in a value', count(streamed), [1, 0, 0]);
    const [row] = streamed.successfulResults;
    check('results have the headers of the file', Object.keys(row).sort(),
        ['ANNUALREVENUE', 'BILLINGSTREET', 'NAME', 'sf__Created', 'sf__Id']);
    check('a line feed in a value stays', row.BILLINGSTREET, '1 Example Street\nExampleton');

    const backquotes = 'NAME`TYPE`PHONE`ANNUALREVENUE\nexample 1`Customer`1`0\nexample 2`Customer`2`1000\n';
    const upserted = await load('upsert', backquotes, { columnDelimiter: 'BACKQUOTE', externalIdFieldName: 'Id' });
    check('an upsert by Id without that column', count(upserted), [2, 0, 0]);
    check('it creates', each(upserted.successfulResults, 'sf__Created'), ['true']);

    check('an insert of nothing', count(await load('insert', [])), [0, 0, 0]);
    check('a delete of nothing', count(await load('delete', [])), [0, 0, 0]);
}

async function partialFailure() {
    const rows = Array.from({ length: 200 }, (_, number) => ({ Name: 'Example', NumberOfEmployees: 300 * number }));
    const inserted = await load('insert', [...rows, { BillingState: 'CA' }]);
    check('one row of 201 fails', count(inserted), [200, 1, 0]);
    const [failed] = inserted.failedResults;
    check('the row that failed has no id', failed.sf__Id, '');
    check('the row that failed has its error', failed.sf__Error,
        'REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --');
}

async function wholeFailure() {
    const job = org.bulk2.createJob({ object: 'Account', operation: 'insert' });
    await job.open();
    await job.uploadData('Name,Nothing__c\na,b\n');
    await job.close();
    const { message } = await refusal(job.poll(20, 10_000));
    check('an unknown column fails the job', message,
        'Ingest job failed to complete due to: InvalidBatch : Field name not found : Nothing__c');
    const { state, errorMessage } = await job.check();
    check('the job tells why', [state, errorMessage],
        ['Failed', 'InvalidBatch : Field name not found : Nothing__c']);

    const wide = org.bulk2.createJob({ object: 'Account', operation: 'delete' });
    await wide.open();
    await wide.uploadData('Id,Name\n001000000000000AAA,a\n');
    await wide.close();
    checkHolds('a delete takes ids only', (await refusal(wide.poll(20, 10_000))).message,
        "InvalidBatch : The 'delete' batch must contain only ids");

    const nothing = await refusal(org.bulk2.createJob({ object: 'Nothing__c', operation: 'insert' }).open());
    check('an unknown object makes no job', nothing.name, 'INVALIDENTITY');
    const keyless = await refusal(org.bulk2.createJob({ object: 'Account', operation: 'upsert' }).open());
    check('an upsert without a key makes no job', keyless.name, 'INVALIDJOB');
}

async function abort() {
    const job = org.bulk2.createJob({ object: 'Account', operation: 'insert' });
    await job.open();
    await job.abort();
    check('an aborted job', (await job.check()).state, 'Aborted');
    await job.delete();
    check('a deleted job is not found', (await refusal(job.check())).name, 'NOT_FOUND');
}

async function sessions() {
    const stale = connect({ accessToken: 'not a token' });
    const rows = [{ Name: 'Example' }];
    const insert = { object: 'Account', operation: 'insert', input: rows };
    const refused = await refusal(stale.bulk2.loadAndWaitForResults({ ...insert }));
    check('a session that is over', refused.name, 'INVALID_SESSION_ID');

    let refreshed = 0;
    const refreshFn = (_, done) => {
        refreshed += 1;
        done(null, accessToken);
    };
    const renewed = connect({ accessToken: 'not a token', refreshFn });
    const inserted = await renewed.bulk2.loadAndWaitForResults({ ...insert });
    check('a session is renewed once', [refreshed, ...count(inserted)], [1, 1, 0, 0]);

    const signedIn = new jsforce.Connection({
        oauth2: { loginUrl: instanceUrl, clientId: ORG_CLIENT_ID, clientSecret: ORG_CLIENT_SECRET },
    });
    await signedIn.authorize({ grant_type: 'client_credentials' });
    check('client credentials lead to the org', signedIn.instanceUrl, instanceUrl);
}

await success();
await files();
await partialFailure();
await wholeFailure();
await abort();
await sessions();
