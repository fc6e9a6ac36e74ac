CREATE TABLE public.postil_deliveries (
    id character varying(100) NOT NULL,
    pull character varying(300) NOT NULL,
    received double precision NOT NULL,
    why character varying(100) NOT NULL,
    head character varying(64),
    at double precision NOT NULL,
    comment_kind character varying(40),
    comment_id bigint,
    login character varying(110),
    said text,
    run integer,
    done boolean NOT NULL
);
CREATE TABLE public.postil_duties (
    name character varying(50) NOT NULL,
    holder character varying(150) NOT NULL,
    until double precision NOT NULL,
    reached double precision,
    stopped text
);
CREATE TABLE public.postil_ended (
    run character varying(320) NOT NULL,
    pull character varying(300) NOT NULL,
    at double precision NOT NULL,
    outcome character varying(20) NOT NULL,
    why text NOT NULL,
    seconds double precision NOT NULL,
    calls integer NOT NULL,
    conclusion character varying(20),
    found integer,
    said text NOT NULL
);
CREATE TABLE public.postil_intents (
    pull character varying(300) NOT NULL,
    what character varying(400) NOT NULL,
    at double precision NOT NULL,
    github_id bigint
);
CREATE TABLE public.postil_learned (
    installation bigint NOT NULL,
    what character varying(50) NOT NULL,
    value character varying(100) NOT NULL
);
CREATE TABLE public.postil_leases (
    executor character varying(150) NOT NULL,
    version character varying(20) NOT NULL,
    seen double precision NOT NULL
);
CREATE TABLE public.postil_pulls (
    key character varying(300) NOT NULL,
    installation bigint NOT NULL,
    repository_id bigint NOT NULL,
    owner character varying(100) NOT NULL,
    name character varying(100) NOT NULL,
    number bigint NOT NULL,
    head character varying(64),
    head_at double precision NOT NULL,
    state character varying(10) NOT NULL,
    since double precision NOT NULL,
    run integer NOT NULL,
    origin integer NOT NULL,
    tries integer NOT NULL,
    executor character varying(150),
    again boolean NOT NULL,
    outdated boolean NOT NULL,
    why text
);
CREATE TABLE public.postil_receptions (
    pull character varying(300) NOT NULL,
    run character varying(400) NOT NULL,
    fingerprint character varying(64) NOT NULL,
    installation bigint NOT NULL,
    repository_id bigint NOT NULL,
    rule character varying(100) NOT NULL,
    head character varying(64) NOT NULL,
    fate character varying(20) NOT NULL,
    liked boolean NOT NULL,
    said double precision NOT NULL,
    judged double precision NOT NULL,
    past boolean NOT NULL
);
CREATE TABLE public.postil_redeliveries (
    guid character varying(100) NOT NULL,
    at double precision NOT NULL
);
CREATE TABLE public.postil_schema (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.postil_steps (
    scope character varying(20) NOT NULL,
    of bigint NOT NULL,
    rule character varying(100) NOT NULL,
    standing character varying(20) NOT NULL,
    at double precision NOT NULL,
    fixed integer NOT NULL,
    refused integer NOT NULL,
    allowed integer NOT NULL
);
INSERT INTO public.postil_deliveries VALUES ('push 1', 'o/r#1', 1700000000, 'pull_request synchronize', 'head1', 1700000000, NULL, NULL, NULL, NULL, NULL, true);
INSERT INTO public.postil_deliveries VALUES ('comment 1', 'o/r#1', 1700000000, 'recheck', NULL, 1700000000, 'issue_comment', 11, 'alice', '/recheck', NULL, true);
INSERT INTO public.postil_deliveries VALUES ('push 2', 'o/r#2', 1700000000, 'pull_request synchronize', 'head2', 1700000000, NULL, NULL, NULL, NULL, NULL, false);
INSERT INTO public.postil_deliveries VALUES ('comment 2', 'o/r#2', 1700000000, 'recheck', NULL, 1700000000, 'issue_comment', 12, 'alice', '/recheck', NULL, false);
INSERT INTO public.postil_deliveries VALUES ('push 3', 'o/r#3', 1700000000, 'pull_request synchronize', 'head3', 1700000000, NULL, NULL, NULL, NULL, NULL, false);
INSERT INTO public.postil_deliveries VALUES ('comment 3', 'o/r#3', 1700000000, 'recheck', NULL, 1700000000, 'issue_comment', 13, 'alice', '/recheck', NULL, false);
INSERT INTO public.postil_deliveries VALUES ('push 4', 'o/r#4', 1700000000, 'pull_request synchronize', 'head4', 1700000000, NULL, NULL, NULL, NULL, NULL, false);
INSERT INTO public.postil_deliveries VALUES ('comment 4', 'o/r#4', 1700000000, 'recheck', NULL, 1700000000, 'issue_comment', 14, 'alice', '/recheck', NULL, false);
INSERT INTO public.postil_duties VALUES ('look', 'host-1', 1700000000, 1700000000, 'here');
INSERT INTO public.postil_ended VALUES ('o/r#1@run 2', 'o/r#1', 1700000000, 'done', '', 2.5, 6, 'failure', 3, '{"bare-except": 2}');
INSERT INTO public.postil_intents VALUES ('o/r#1', 'review', 1700000000, 1001);
INSERT INTO public.postil_intents VALUES ('o/r#2', 'review', 1700000000, 1002);
INSERT INTO public.postil_intents VALUES ('o/r#3', 'review', 1700000000, 1003);
INSERT INTO public.postil_intents VALUES ('o/r#4', 'review', 1700000000, 1004);
INSERT INTO public.postil_learned VALUES (1, 'way', 'edited');
INSERT INTO public.postil_leases VALUES ('host-1', '1', 1700000000);
INSERT INTO public.postil_pulls VALUES ('o/r#1', 1, 100, 'o', 'r', 1, 'head1', 1700000000, 'idle', 1700000000, 2, 1, 1, NULL, false, false, NULL);
INSERT INTO public.postil_pulls VALUES ('o/r#2', 1, 100, 'o', 'r', 2, 'head2', 1700000000, 'queued', 1700000000, 2, 1, 1, NULL, false, false, NULL);
INSERT INTO public.postil_pulls VALUES ('o/r#3', 1, 100, 'o', 'r', 3, 'head3', 1700000000, 'running', 1700000000, 2, 1, 1, 'host-1', false, false, NULL);
INSERT INTO public.postil_pulls VALUES ('o/r#4', 1, 100, 'o', 'r', 4, 'head4', 1700000000, 'dead', 1700000000, 2, 1, 1, NULL, false, false, 'GitHub is down');
INSERT INTO public.postil_receptions VALUES ('o/r#1', 'o/r#1@run 2 head1', 'ffffffffffffffff', 1, 100, 'bare-except', 'head1', 'resolved', true, 1700000000, 1700000000, false);
INSERT INTO public.postil_redeliveries VALUES ('push 1', 1700000000);
INSERT INTO public.postil_schema VALUES ('0005');
INSERT INTO public.postil_steps VALUES ('repository', 100, 'bare-except', 'off', 1700000000, 1, 8, 1);
ALTER TABLE ONLY public.postil_deliveries
    ADD CONSTRAINT postil_deliveries_pkey PRIMARY KEY (id, pull);
ALTER TABLE ONLY public.postil_duties
    ADD CONSTRAINT postil_duties_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.postil_ended
    ADD CONSTRAINT postil_ended_pkey PRIMARY KEY (run);
ALTER TABLE ONLY public.postil_intents
    ADD CONSTRAINT postil_intents_pkey PRIMARY KEY (pull, what);
ALTER TABLE ONLY public.postil_learned
    ADD CONSTRAINT postil_learned_pkey PRIMARY KEY (installation, what);
ALTER TABLE ONLY public.postil_leases
    ADD CONSTRAINT postil_leases_pkey PRIMARY KEY (executor);
ALTER TABLE ONLY public.postil_pulls
    ADD CONSTRAINT postil_pulls_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.postil_receptions
    ADD CONSTRAINT postil_receptions_pkey PRIMARY KEY (pull, run, fingerprint);
ALTER TABLE ONLY public.postil_redeliveries
    ADD CONSTRAINT postil_redeliveries_pkey PRIMARY KEY (guid);
ALTER TABLE ONLY public.postil_schema
    ADD CONSTRAINT postil_schema_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.postil_steps
    ADD CONSTRAINT postil_steps_pkey PRIMARY KEY (scope, of, rule);
CREATE INDEX postil_deliveries_open ON public.postil_deliveries USING btree (pull, done);
CREATE INDEX postil_ended_at ON public.postil_ended USING btree (at);
CREATE INDEX postil_pulls_number ON public.postil_pulls USING btree (repository_id, number);
CREATE INDEX postil_pulls_state ON public.postil_pulls USING btree (state);
CREATE INDEX postil_receptions_figures ON public.postil_receptions USING btree (installation, rule, repository_id, fate, past);
CREATE INDEX postil_receptions_said ON public.postil_receptions USING btree (said);
