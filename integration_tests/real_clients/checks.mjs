// The one way in which the part that is written in JavaScript looks at something.

import { isDeepStrictEqual } from 'node:util';

/** Prints whether something is as it should be; `run` counts these lines. */
export function check(what, found, expected = true) {
    if (isDeepStrictEqual(found, expected)) {
        console.log(`ok ${what}`);
    } else {
        const [shown, wanted] = [found, expected].map((value) => JSON.stringify(value));
        console.log(`FAILED ${what}\n    found    ${shown}\n    expected ${wanted}`);
    }
}

/** As above, for a text that holds another. */
export function checkHolds(what, text, part) {
    check(what, text.includes(part) ? part : text, part);
}
