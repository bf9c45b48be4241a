// Draws a specification by the rules of Airbyte's form, with a library that makes forms of JSON schemas.
//
// The rules, from the reference of specifications and the web app of the platform: a card for each group, in the order of
// `groups`; keys by their `order`; what is neither required nor `always_show` is behind "Optional fields", and a card of
// such keys alone is closed as a whole; `airbyte_hidden` and the constant of a choice are not shown; a `oneOf` is a
// choice of its titles.

import Form from '@rjsf/core';
import validator from '@rjsf/validator-ajv8';
import { createElement as h } from 'react';
import { createRoot } from 'react-dom/client';

const byOrder = ([, one], [, other]) => one.order - other.order;

/** The widgets of a schema, as the library takes them. Keys of all choices of a `oneOf` are side by side. */
function widgets(schema) {
    const ui = { 'ui:options': { label: false } };
    for (const variant of schema.oneOf ?? []) Object.assign(ui, widgets(variant), { 'ui:order': undefined });
    if (schema.items) ui.items = widgets(schema.items);
    if (schema.properties) ui['ui:order'] = Object.entries(schema.properties).sort(byOrder).map(([key]) => key);
    for (const [key, property] of Object.entries(schema.properties ?? {})) ui[key] = widgets(property);
    if (schema.airbyte_hidden || schema.const) ui['ui:widget'] = 'hidden';
    else if (schema.airbyte_secret) ui['ui:widget'] = schema.multiline ? 'textarea' : 'password';
    if (schema.airbyte_hidden && schema.type === 'boolean') ui['ui:widget'] = 'hidden';
    if (schema.pattern_descriptor) ui['ui:placeholder'] = schema.pattern_descriptor;
    return ui;
}

const isShown = (schema) => !schema.airbyte_hidden && schema.const === undefined;

/** The fields that are seen at once, then those behind a line that opens them. */
function fields(properties, schema) {
    const ofSchema = ({ name }) => schema.properties[name];
    const shown = properties.filter((property) => ofSchema(property) && isShown(ofSchema(property)));
    const isOptional = (property) => !schema.required?.includes(property.name) && !ofSchema(property).always_show;
    const optional = shown.filter(isOptional);
    return {
        visible: shown.filter((property) => !isOptional(property)).map((property) => property.content),
        optional: optional.map((property) => property.content),
    };
}

function section(key, { visible, optional }) {
    const footer = h('details', { key: 'optional' }, h('summary', null, 'Optional fields'), ...optional);
    return h('div', { key, className: 'fields' }, ...visible, optional.length > 0 && footer);
}

function card(group, properties, schema) {
    const mine = properties.filter(({ name }) => schema.properties[name]?.group === group.id);
    const parts = fields(mine, schema);
    if (parts.visible.length + parts.optional.length === 0) return null;
    const attributes = { key: group.id ?? '', className: 'card', 'data-group': group.id };
    if (parts.visible.length === 0) {
        return h('details', attributes, h('summary', null, group.title), ...parts.optional);
    }
    return h('section', attributes, group.title && h('h2', null, group.title), section('fields', parts));
}

function ObjectFieldTemplate({ properties, schema }) {
    if (!schema.groups) return section('object', fields(properties, schema));
    const groups = [{ id: undefined }, ...schema.groups];
    return h('div', null, groups.map((group) => card(group, properties, schema)));
}

function FieldTemplate({ id, children, schema, required, hidden, errors, rawErrors }) {
    if (hidden || !isShown(schema) || id === 'root') return children;
    const isChoice = schema.oneOf !== undefined;
    const isVariant = !schema.order && schema.order !== 0;
    if (isVariant) return h('div', null, children);
    const toggle = schema.type === 'boolean';
    const label = h(
        'label',
        { htmlFor: id, className: 'label' },
        schema.title,
        !required && h('span', { className: 'tag' }, 'Optional'),
        schema.description && h('span', { className: 'help', title: schema.description }, '?'),
    );
    const kind = `field${toggle ? ' toggle' : ''}${isChoice ? ' choice' : ''}`;
    return h('div', { className: kind, 'data-key': id }, label, children, rawErrors?.length > 0 && errors);
}

function MultiSchemaFieldTemplate({ selector, optionSchemaField }) {
    return h('div', { className: 'variants' }, selector, optionSchemaField);
}

function ArrayFieldTemplate({ items, onAddClick, canAdd, schema }) {
    const add = h('button', { type: 'button', className: 'add', onClick: onAddClick }, `+ Add ${schema.items.title ?? ''}`);
    return h('div', { className: 'list' }, items, canAdd && add);
}

const CheckboxWidget = ({ id, value, onChange }) =>
    h('input', { id, type: 'checkbox', checked: value === true, onChange: (event) => onChange(event.target.checked) });

const templates = { ObjectFieldTemplate, FieldTemplate, MultiSchemaFieldTemplate, ArrayFieldTemplate };

/** Draws the form. The page then has `filled`, what was typed, and `refused`, whether the form has complained. */
window.draw = (schema) => {
    createRoot(document.getElementById('form')).render(
        h(
            Form,
            {
                schema,
                validator,
                templates,
                widgets: { CheckboxWidget },
                uiSchema: widgets(schema),
                showErrorList: false,
                onChange: ({ formData }) => (window.filled = formData),
                onSubmit: ({ formData }) => (window.submitted = formData),
            },
            h('button', { type: 'submit', className: 'submit' }, 'Set up destination'),
        ),
    );
};
