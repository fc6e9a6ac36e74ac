BEGIN TRANSACTION;
CREATE TABLE postil_deliveries (
	id VARCHAR(100) NOT NULL, 
	pull VARCHAR(300) NOT NULL, 
	received FLOAT NOT NULL, 
	why VARCHAR(100) NOT NULL, 
	head VARCHAR(64), 
	at FLOAT NOT NULL, 
	comment_kind VARCHAR(40), 
	comment_id BIGINT, 
	login VARCHAR(110), 
	said TEXT, 
	run INTEGER, 
	done BOOLEAN NOT NULL, 
	PRIMARY KEY (id, pull)
);
INSERT INTO "postil_deliveries" VALUES('push 1','o/r#1',1700000000.0,'pull_request synchronize','head1',1700000000.0,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO "postil_deliveries" VALUES('comment 1','o/r#1',1700000000.0,'recheck',NULL,1700000000.0,'issue_comment',11,'alice','/recheck',NULL,1);
INSERT INTO "postil_deliveries" VALUES('push 2','o/r#2',1700000000.0,'pull_request synchronize','head2',1700000000.0,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "postil_deliveries" VALUES('comment 2','o/r#2',1700000000.0,'recheck',NULL,1700000000.0,'issue_comment',12,'alice','/recheck',NULL,0);
INSERT INTO "postil_deliveries" VALUES('push 3','o/r#3',1700000000.0,'pull_request synchronize','head3',1700000000.0,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "postil_deliveries" VALUES('comment 3','o/r#3',1700000000.0,'recheck',NULL,1700000000.0,'issue_comment',13,'alice','/recheck',NULL,0);
INSERT INTO "postil_deliveries" VALUES('push 4','o/r#4',1700000000.0,'pull_request synchronize','head4',1700000000.0,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "postil_deliveries" VALUES('comment 4','o/r#4',1700000000.0,'recheck',NULL,1700000000.0,'issue_comment',14,'alice','/recheck',NULL,0);
CREATE TABLE postil_duties (
	name VARCHAR(50) NOT NULL, 
	holder VARCHAR(150) NOT NULL, 
	until FLOAT NOT NULL, 
	reached FLOAT, stopped TEXT, 
	PRIMARY KEY (name)
);
INSERT INTO "postil_duties" VALUES('look','host-1',1700000000.0,1700000000.0,'here');
CREATE TABLE postil_ended (
	run VARCHAR(320) NOT NULL, 
	pull VARCHAR(300) NOT NULL, 
	at FLOAT NOT NULL, 
	outcome VARCHAR(20) NOT NULL, 
	why TEXT NOT NULL, 
	seconds FLOAT NOT NULL, 
	calls INTEGER NOT NULL, 
	conclusion VARCHAR(20), 
	found INTEGER, 
	said TEXT NOT NULL, 
	PRIMARY KEY (run)
);
INSERT INTO "postil_ended" VALUES('o/r#1@run 2','o/r#1',1700000000.0,'done','',2.5,6,'failure',3,'{"bare-except": 2}');
CREATE TABLE postil_intents (
	pull VARCHAR(300) NOT NULL, 
	what VARCHAR(400) NOT NULL, 
	at FLOAT NOT NULL, 
	github_id BIGINT, 
	PRIMARY KEY (pull, what)
);
INSERT INTO "postil_intents" VALUES('o/r#1','review',1700000000.0,1001);
INSERT INTO "postil_intents" VALUES('o/r#2','review',1700000000.0,1002);
INSERT INTO "postil_intents" VALUES('o/r#3','review',1700000000.0,1003);
INSERT INTO "postil_intents" VALUES('o/r#4','review',1700000000.0,1004);
CREATE TABLE postil_learned (
	installation BIGINT NOT NULL, 
	what VARCHAR(50) NOT NULL, 
	value VARCHAR(100) NOT NULL, 
	PRIMARY KEY (installation, what)
);
INSERT INTO "postil_learned" VALUES(1,'way','edited');
CREATE TABLE postil_leases (
	executor VARCHAR(150) NOT NULL, 
	version VARCHAR(20) NOT NULL, 
	seen FLOAT NOT NULL, 
	PRIMARY KEY (executor)
);
INSERT INTO "postil_leases" VALUES('host-1','1',1700000000.0);
CREATE TABLE postil_pulls (
	"key" VARCHAR(300) NOT NULL, 
	installation BIGINT NOT NULL, 
	repository_id BIGINT NOT NULL, 
	owner VARCHAR(100) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	number BIGINT NOT NULL, 
	head VARCHAR(64), 
	head_at FLOAT NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	since FLOAT NOT NULL, 
	run INTEGER NOT NULL, 
	origin INTEGER NOT NULL, 
	tries INTEGER NOT NULL, 
	executor VARCHAR(150), 
	again BOOLEAN NOT NULL, 
	outdated BOOLEAN NOT NULL, 
	why TEXT, 
	PRIMARY KEY ("key")
);
INSERT INTO "postil_pulls" VALUES('o/r#1',1,100,'o','r',1,'head1',1700000000.0,'idle',1700000000.0,2,1,1,NULL,0,0,NULL);
INSERT INTO "postil_pulls" VALUES('o/r#2',1,100,'o','r',2,'head2',1700000000.0,'queued',1700000000.0,2,1,1,NULL,0,0,NULL);
INSERT INTO "postil_pulls" VALUES('o/r#3',1,100,'o','r',3,'head3',1700000000.0,'running',1700000000.0,2,1,1,'host-1',0,0,NULL);
INSERT INTO "postil_pulls" VALUES('o/r#4',1,100,'o','r',4,'head4',1700000000.0,'dead',1700000000.0,2,1,1,NULL,0,0,'GitHub is down');
CREATE TABLE postil_receptions (
	pull VARCHAR(300) NOT NULL, 
	run VARCHAR(400) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	installation BIGINT NOT NULL, 
	repository_id BIGINT NOT NULL, 
	rule VARCHAR(100) NOT NULL, 
	head VARCHAR(64) NOT NULL, 
	fate VARCHAR(20) NOT NULL, 
	liked BOOLEAN NOT NULL, 
	said FLOAT NOT NULL, 
	judged FLOAT NOT NULL, 
	past BOOLEAN NOT NULL, 
	PRIMARY KEY (pull, run, fingerprint)
);
INSERT INTO "postil_receptions" VALUES('o/r#1','o/r#1@run 2 head1','ffffffffffffffff',1,100,'bare-except','head1','resolved',1,1700000000.0,1700000000.0,0);
CREATE TABLE postil_redeliveries (
	guid VARCHAR(100) NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (guid)
);
INSERT INTO "postil_redeliveries" VALUES('push 1',1700000000.0);
CREATE TABLE postil_schema (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT postil_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO "postil_schema" VALUES('0005');
CREATE TABLE postil_steps (
	scope VARCHAR(20) NOT NULL, 
	"of" BIGINT NOT NULL, 
	rule VARCHAR(100) NOT NULL, 
	standing VARCHAR(20) NOT NULL, 
	at FLOAT NOT NULL, 
	fixed INTEGER NOT NULL, 
	refused INTEGER NOT NULL, 
	allowed INTEGER NOT NULL, 
	PRIMARY KEY (scope, "of", rule)
);
INSERT INTO "postil_steps" VALUES('repository',100,'bare-except','off',1700000000.0,1,8,1);
CREATE INDEX postil_deliveries_open ON postil_deliveries (pull, done);
CREATE INDEX postil_pulls_state ON postil_pulls (state);
CREATE INDEX postil_pulls_number ON postil_pulls (repository_id, number);
CREATE INDEX postil_ended_at ON postil_ended (at);
CREATE INDEX postil_receptions_figures ON postil_receptions (installation, rule, repository_id, fate, past);
CREATE INDEX postil_receptions_said ON postil_receptions (said);
COMMIT;
