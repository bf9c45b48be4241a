// jsforce: reads the records of a query one by one. It polls at its default interval, and waits longer than its default
// limit.

import jsforce from 'jsforce';

const { ORG_URL: instanceUrl, ORG_ACCESS_TOKEN: accessToken, QUERY, RECORDS } = process.env;
const org = new jsforce.Connection({ instanceUrl, accessToken, version: '62.0' });
org.bulk2.pollTimeout = 600_000;
const records = await org.bulk2.query(QUERY);
let read = 0;
for await (const _ of records) {
    read += 1;
}
if (read !== Number(RECORDS)) {
    console.error(`${read} of ${RECORDS} records were read`);
    process.exit(1);
}
