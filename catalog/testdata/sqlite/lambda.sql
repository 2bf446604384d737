-- passes everything
select $id;
