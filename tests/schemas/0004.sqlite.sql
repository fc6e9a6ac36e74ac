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
INSERT INTO "postil_schema" VALUES('0004');
CREATE INDEX postil_deliveries_open ON postil_deliveries (pull, done);
CREATE INDEX postil_pulls_state ON postil_pulls (state);
CREATE INDEX postil_pulls_number ON postil_pulls (repository_id, number);
CREATE INDEX postil_ended_at ON postil_ended (at);
COMMIT;
